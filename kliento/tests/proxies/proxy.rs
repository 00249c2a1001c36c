//! The proxies, from Debian's packages.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a proxy may take until it accepts connections.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) const NGINX: &str = include_str!("config/nginx.conf");
pub(crate) const CADDYFILE: &str = include_str!("config/Caddyfile");
pub(crate) const HAPROXY: &str = include_str!("config/haproxy.cfg");
pub(crate) const HAPROXY_LUA: &str = include_str!("config/kliento.lua");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    Nginx,
    Caddy,
    Haproxy,
}

/// A running proxy, which is killed when it is dropped.
pub(crate) struct RunningProxy {
    process: Child,
    /// The address of HTTP/1, and that of HTTP/2.
    pub(crate) addresses: [String; 2],
    _directory: TempDir,
}

impl Proxy {
    /// Starts the proxy, with replacements in its documented configuration.
    pub(crate) fn start(
        self,
        authorizer: &str,
        service: &str,
        replacements: &[(&str, &str)],
    ) -> RunningProxy {
        // Another process may take a port before the proxy does.
        for _ in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let [first, second] = free_addresses();
            let second = if self == Self::Nginx { second } else { first.clone() };
            let adapt = |text: &str| {
                let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
                let text = replacements.iter().fold(text.to_owned(), replace);
                text.replace("127.0.0.1:8080", authorizer)
                    .replace("127.0.0.1:3000", service)
                    .replace("127.0.0.1:8000", &first)
                    .replace("127.0.0.1:8001", &second)
                    .replace("api.example.com {", &format!("http://{first} {{"))
            };
            let mut command = self.command(directory.path(), adapt);
            let log = File::create(directory.path().join("log")).unwrap();
            command.current_dir(&directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            let mut process = command.spawn().expect("Debian's package of the proxy is installed");
            let addresses = [first, second];
            if accepts(&mut process, &addresses) {
                return RunningProxy { process, addresses, _directory: directory };
            }
            let log = fs::read_to_string(directory.path().join("log")).unwrap();
            assert!(log.contains("in use") || log.contains("cannot bind"), "{log}");
        }
        panic!("{self:?} does not start")
    }

    /// Writes the files of the configuration, and returns the command.
    fn command(self, directory: &Path, adapt: impl Fn(&str) -> String) -> Command {
        let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
        match self {
            Self::Nginx => {
                write("service.conf", &adapt(NGINX));
                write("nginx.conf", NGINX_MAIN);
                let mut command = Command::new("/usr/sbin/nginx");
                command.arg("-p").arg(directory).args(["-c", "nginx.conf", "-e", "stderr"]);
                command
            }
            Self::Caddy => {
                write("Caddyfile", &format!("{CADDY_OPTIONS}{}", adapt(CADDYFILE)));
                let mut command = Command::new("caddy");
                command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
                command.env("HOME", directory).env("XDG_DATA_HOME", directory);
                command
            }
            Self::Haproxy => {
                write("kliento.lua", &adapt(HAPROXY_LUA));
                let lua = directory.join("kliento.lua").to_str().unwrap().to_owned();
                write("haproxy.cfg", &adapt(HAPROXY).replace("/etc/haproxy/kliento.lua", &lua));
                let mut command = Command::new("/usr/sbin/haproxy");
                command.args(["-db", "-f", "haproxy.cfg"]);
                command
            }
        }
    }
}

/// What surrounds the documented part, in one process.
const NGINX_MAIN: &str = "
daemon off;
master_process off;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    include service.conf;
}
";

/// Without TLS, Caddy has to be told to serve HTTP/2.
const CADDY_OPTIONS: &str = "{
	admin off
	auto_https off
	servers {
		protocols h1 h2 h2c
	}
}
";

fn free_addresses() -> [String; 2] {
    // Both at once, so that they differ.
    let listeners = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

/// Waits until the proxy accepts connections. Returns `false` if it ends before.
fn accepts(process: &mut Child, addresses: &[String]) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    while process.try_wait().unwrap().is_none() {
        if addresses.iter().all(|address| TcpStream::connect(address).is_ok()) {
            return true;
        }
        assert!(Instant::now() < deadline, "the proxy does not accept connections");
        thread::sleep(Duration::from_millis(10));
    }
    false
}

impl Drop for RunningProxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
