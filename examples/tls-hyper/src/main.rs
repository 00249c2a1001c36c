//! A service over TLS: HTTP/1 and HTTP/2 by ALPN, with a certificate that is reloaded.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod certificate;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http::{Request, Response};
use http_guard::log::{self, LogFormat};
use http_guard::parse_socket_address;
use http_guard::serve::{Listener, Peer, RequestBody, Server, shutdown_signal};
use tokio::net::TcpListener;
use tower::{Service, service_fn};

use crate::certificate::Certificate;

/// How often the files of the certificate are checked for changes.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// A service over TLS that responds with the address of the client
///
/// The certificate is re-read when its files change; `/health` says `degraded` while that fails.
/// SIGTERM and SIGINT stop the service gracefully. `RUST_LOG` sets what is logged.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on, such as `[::1]:8443` or `[fe80::1%eth0]:8443`; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    #[arg(value_parser = parse_socket_address)]
    listen: SocketAddr,

    /// The certificate chain, in PEM
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,

    /// The private key, in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let _log = log::init(LogFormat::Text)?;
    let certificate =
        Arc::new(Certificate::load(arguments.certificate, arguments.key, POLL_INTERVAL)?);
    #[expect(
        clippy::disallowed_methods,
        reason = "supervised: each check is a turn, and `/health` reports if there are none"
    )]
    tokio::spawn(Arc::clone(&certificate).reload_on_change());
    let shutdown = shutdown_signal()?;
    let tcp = TcpListener::bind(arguments.listen).await?;
    log::announce(&format!("listening on https://{}", tcp.local_addr()?));
    let service = service(Arc::clone(&certificate));
    let summary = Server::new().serve(with_tls(tcp, certificate), service, shutdown).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    Ok(())
}

/// Adds a TLS handshake to each connection, with the certificate at that time.
fn with_tls(tcp: TcpListener, certificate: Arc<Certificate>) -> impl Listener {
    tcp.with_handshake(move |stream| certificate.acceptor().accept(stream))
}

/// Returns the service: `/health`, and all other paths.
fn service(
    certificate: Arc<Certificate>,
) -> impl Service<Request<RequestBody>, Response = Response<String>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(move |request: Request<RequestBody>| {
        let text = match request.uri().path() {
            "/health" => health(&certificate),
            _ => hello(&request),
        };
        ready(Ok(Response::new(text)))
    })
}

fn hello(request: &Request<RequestBody>) -> String {
    let peer = request.extensions().get().and_then(Peer::address);
    let peer = peer.map_or_else(String::new, |peer| peer.ip().to_string());
    format!("hello {peer} over {:?}\n", request.version())
}

/// The service still works with the last certificate, until that expires. The reason is in the log.
fn health(certificate: &Certificate) -> String {
    match certificate.health() {
        Ok(()) => "ok\n".to_owned(),
        Err(_) => "degraded: certificate\n".to_owned(),
    }
}
