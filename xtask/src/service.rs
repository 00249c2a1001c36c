//! Starts the example service, and calls it over HTTP.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;
use crate::step::shell_command;

const PROGRAM: &str = "target/demo/kliento-axum";

/// Prints the responses to a request without credentials, and to one with this header value.
pub(crate) fn show(audience: &str, trust_anchor: &str, value: &Path) -> Result<(), Failure> {
    let arguments = ["--listen", "127.0.0.1:0", "--audience", audience];
    let mut command = Command::new(PROGRAM);
    command.args(arguments).args(["--trust-anchor", trust_anchor]);
    println!("\n$ {}", shell_command(&command));
    let service = Service::start(command)?;

    println!("\n$ curl -i http://{}/whoami", service.address);
    println!("{}", service.get("/whoami", "")?);

    println!(
        "\n$ curl -i -H \"Authorization: $(cat authorization.txt)\" http://{}/whoami",
        service.address
    );
    let value = fs::read_to_string(value)?;
    println!("{}", service.get("/whoami", &format!("Authorization: {}\r\n", value.trim()))?);
    Ok(())
}

/// The process of the service, which is killed when this is dropped.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn start(mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().rsplit("http://").next().unwrap_or_default().to_owned();
        Ok(Self { process, address })
    }

    fn get(&self, path: &str, headers: &str) -> io::Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        let host = &self.address;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}");
        connection.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes())?;
        let mut response = String::new();
        connection.read_to_string(&mut response)?;
        Ok(response.replace('\r', ""))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails if it has exited by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
