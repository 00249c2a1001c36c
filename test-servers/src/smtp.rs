//! An SMTP server.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::free_port;

/// The server, in Python with `aiosmtpd`. It runs until its standard input ends.
const SCRIPT: &str = include_str!("smtp.py");

/// The interpreter of Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// How often the server or a mail is awaited, every 20 ms.
const MAX_WAITS: usize = 3000;

/// An SMTP server on `localhost` that requires STARTTLS and a login. It keeps each mail.
#[derive(Debug)]
pub struct SmtpServer {
    process: Child,
    port: u16,
    data: TempDir,
}

impl SmtpServer {
    /// The name of the login.
    pub const NAME: &str = "portal";
    /// The password of the login.
    pub const PASSWORD: &str = "mail-secret";

    /// Starts a server with a new certificate, and waits until it listens.
    ///
    /// # Panics
    /// If `aiosmtpd` or `openssl` is not installed, or the server cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let data = TempDir::new().expect("a directory");
        // Without the extensions of the system's configuration, by which it would be a CA's.
        let configuration = "[req]\ndistinguished_name = name\n[name]\n";
        fs::write(data.path().join("openssl.cnf"), configuration).expect("a directory is writable");
        let certificate = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-config", "openssl.cnf", "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-days", "2", "-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(data.path())
            .stderr(Stdio::null())
            .status();
        assert!(certificate.expect("openssl is installed").success(), "a certificate");
        let port = free_port();
        let process = Command::new(PYTHON)
            .args(["-c", SCRIPT, &port.to_string()])
            .arg(data.path())
            .args([Self::NAME, Self::PASSWORD])
            .stdin(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let server = Self { process, port, data };
        for _ in 0..MAX_WAITS {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("no SMTP server starts: is python3-aiosmtpd installed?")
    }

    /// Returns the port on `localhost`.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the certificate in PEM.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        fs::read(self.data.path().join("certificate.pem")).expect("a certificate")
    }

    /// Waits for a mail, the first of which is 1. Returns its recipients, a line each, an empty line,
    /// and its text as it was received.
    ///
    /// # Panics
    /// If there is none within a minute.
    #[must_use]
    pub fn mail(&self, number: usize) -> String {
        let path = self.data.path().join(format!("{number}.eml"));
        for _ in 0..MAX_WAITS {
            if let Ok(mail) = fs::read_to_string(&path) {
                return mail;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("no mail {number}")
    }

    /// Returns how many mails were received.
    ///
    /// # Panics
    /// If the directory cannot be read.
    #[must_use]
    pub fn mails(&self) -> usize {
        let entries = fs::read_dir(self.data.path()).expect("a directory");
        let mails = entries.filter_map(Result::ok);
        mails.filter(|entry| entry.path().extension().is_some_and(|end| end == "eml")).count()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
