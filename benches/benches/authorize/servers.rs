//! The processes: the authorizers, and nginx.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::header::CACHE_CONTROL;
use axum::routing::get;
use benches::{Bundle, build_kliento};
use tempfile::TempDir;

/// The argument for which this program is the authorizer that always says yes.
pub(crate) const ALWAYS_YES: &str = "--always-yes";

/// The configuration of the documentation.
const NGINX: &str = include_str!("../../../kliento/tests/proxies/config/nginx.conf");

/// What surrounds it, and the same server without an authorizer.
const NGINX_MAIN: &str = "
daemon off;
master_process off;
pid nginx.pid;
events {}
http {
    access_log off;
    # One client sends all requests on its connection, which nginx would close after 1,000.
    keepalive_requests 100000000;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    include service.conf;
    server {
        listen WITHOUT;
        large_client_header_buffers 4 32k;
        proxy_set_header Authorization '';
        proxy_set_header Host $host;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $kliento_connection;
        location / {
            proxy_pass http://SERVICE;
        }
    }
}
";

/// An authorizer, which is killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn kliento(bundle: &Bundle) -> Self {
        let mut command = Command::new(build_kliento());
        command.args(["serve", "--listen", "127.0.0.1:0", "--audience", &bundle.audience]);
        command.args(["--at", &bundle.at.to_string()]);
        for anchor in &bundle.trust_anchors {
            command.args(["--trust-anchor", &anchor.to_string()]);
        }
        Self::start(command)
    }

    pub(crate) fn always_yes() -> Self {
        let mut command = Command::new(env::current_exe().expect("a path"));
        command.arg(ALWAYS_YES);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the program, built before");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").expect("an address");
        Self { process, address: address.to_owned() }
    }
}

/// Serves the headers of the same answer to each request, by the server of `kliento serve`.
pub(crate) fn say_yes() {
    let headers = [
        ("kliento-subject", "alice@example.com"),
        ("kliento-organisation", "example.com"),
        ("kliento-user", "alice"),
        ("kliento-signer", "member"),
        ("kliento-audience", "https://api.example.com"),
        ("kliento-valid-until", "2026-11-22T18:58:00Z"),
        ("kliento-claims", "eyJwZXJtaXNzaW9uIjoicmVhZC1vbmx5In0"),
        (CACHE_CONTROL.as_str(), "no-store"),
    ];
    let routes = Router::new().route("/authorize", get(move || async move { (headers, ()) }));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("listening on http://{}", listener.local_addr().expect("an address"));
        http_guard::serve::Server::new().serve(listener, routes, std::future::pending()).await
    });
}

/// nginx before the authorizer that always says yes, which is the service here.
pub(crate) struct Nginx {
    process: Child,
    pub(crate) without: String,
    pub(crate) with: String,
    _directory: TempDir,
}

impl Nginx {
    pub(crate) fn start(authorizer: &str, service: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let [with, http2, without] = free_addresses();
        let configuration = NGINX
            .replace("127.0.0.1:8080", authorizer)
            .replace("127.0.0.1:3000", service)
            .replace("127.0.0.1:8000", &with)
            .replace("127.0.0.1:8001", &http2);
        let main = NGINX_MAIN.replace("WITHOUT", &without).replace("SERVICE", service);
        write(directory.path(), "service.conf", &configuration);
        write(directory.path(), "nginx.conf", &main);
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let process = command.spawn().expect("Debian's package nginx");
        while TcpStream::connect(&with).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        Self { process, without, with, _directory: directory }
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("a file");
}

fn free_addresses() -> [String; 3] {
    // All at once, so that they differ.
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").to_string())
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
