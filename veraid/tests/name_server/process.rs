//! The processes of BIND, which end when their values are dropped.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The configuration of one `named`.
pub(super) struct Configuration {
    /// The name of its files.
    pub(super) name: &'static str,
    /// Clauses of the statement `options`.
    pub(super) options: String,
    /// Other statements.
    pub(super) statements: String,
}

impl Configuration {
    fn text(&self, directory: &Path) -> String {
        let Self { name, options, statements } = self;
        let directory = directory.display();
        format!(
            "controls {{ }};
            options {{
            directory \"{directory}\"; managed-keys-directory \"{directory}/{name}\";
            pid-file none; session-keyfile none; lock-file none; reuseport no;
            listen-on-v6 {{ none; }};
            {options}
            }};
            {statements}\n"
        )
    }
}

/// A running `named`.
pub(super) struct Named {
    child: Child,
    log: PathBuf,
}

impl Named {
    /// Starts `named`, and waits until it accepts connections on the ports.
    pub(super) fn start(directory: &Path, ports: &[u16], configuration: &Configuration) -> Self {
        let name = configuration.name;
        fs::create_dir_all(directory.join(name)).unwrap();
        super::write(directory, &format!("{name}.conf"), &configuration.text(directory));
        let log = directory.join(format!("{name}.log"));
        let child = command("named")
            .args(["-g", "-n", "1", "-c"])
            .arg(directory.join(format!("{name}.conf")))
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn();
        let child = child.unwrap_or_else(|error| missing("named", &error));
        let mut named = Self { child, log };
        for port in ports {
            named.wait_for(*port);
        }
        named
    }

    fn wait_for(&mut self, port: u16) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let status = self.child.try_wait().unwrap();
            assert_eq!(status, None, "named ended:\n{}", self.log());
            assert!(Instant::now() < deadline, "named does not listen:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // Both fail only if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a tool in the directory, and returns its standard output.
pub(super) fn run<'a>(
    directory: &Path,
    tool: &str,
    arguments: impl IntoIterator<Item = &'a str>,
) -> String {
    let output = command(tool).current_dir(directory).args(arguments).output();
    let output = output.unwrap_or_else(|error| missing(tool, &error));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Ports of 127.0.0.1 that no other test uses during the lifetime of this value.
///
/// They are outside the range of the system's ephemeral ports.
pub(super) struct Ports {
    pub(super) authority: u16,
    pub(super) resolver: u16,
    pub(super) https: u16,
    /// The listener on the first port of a block reserves the block.
    _guard: TcpListener,
}

impl Ports {
    const BLOCK: u16 = 4;

    pub(super) fn reserve() -> Self {
        let mut blocks = (20_000..30_000).step_by(Self::BLOCK.into());
        blocks.find_map(Self::from_block).expect("no free ports from 20000 to 29999")
    }

    fn from_block(first: u16) -> Option<Self> {
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
        let guard = bind(first)?;
        let [authority, resolver, https] = [first + 1, first + 2, first + 3];
        for port in [authority, resolver, https] {
            bind(port)?;
            UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        }
        Some(Self { authority, resolver, https, _guard: guard })
    }
}

/// Returns the command, also found in `/usr/sbin`, which is not in every user's path.
fn command(tool: &str) -> Command {
    let path = env::var("PATH").unwrap_or_default();
    let mut command = Command::new(tool);
    command.env("PATH", format!("{path}:/usr/sbin:/usr/bin"));
    command
}

fn missing(tool: &str, error: &std::io::Error) -> ! {
    panic!(
        "{tool} failed to run ({error}): this test needs BIND 9.18 or later and OpenSSL, \
         which are Debian's packages bind9 and openssl"
    )
}
