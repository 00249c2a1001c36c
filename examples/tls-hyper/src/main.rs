//! A service over TLS: HTTP/1 and HTTP/2 by ALPN, with a certificate that is reloaded.

mod certificate;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http::{Request, Response};
use http_guard::log::{self, LogFormat};
use http_guard::serve::{Listener, Peer, RequestBody, Server, shutdown_signal};
use tokio::net::TcpListener;
use tower::service_fn;

use crate::certificate::Certificate;

/// How often the files of the certificate are checked for changes.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// A service over TLS that responds with the address of the client
///
/// The certificate is re-read when its files change. SIGTERM and SIGINT stop the service gracefully.
/// `RUST_LOG` sets what is logged.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
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
    let certificate = Arc::new(Certificate::load(arguments.certificate, arguments.key)?);
    // Supervised: by itself.
    tokio::spawn(Arc::clone(&certificate).reload_on_change(POLL_INTERVAL));
    let shutdown = shutdown_signal()?;
    let tcp = TcpListener::bind(arguments.listen).await?;
    log::announce(&format!("listening on https://{}", tcp.local_addr()?));
    let summary =
        Server::new().serve(with_tls(tcp, certificate), service_fn(hello), shutdown).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    Ok(())
}

/// Adds a TLS handshake to each connection, with the certificate at that time.
fn with_tls(tcp: TcpListener, certificate: Arc<Certificate>) -> impl Listener {
    tcp.with_handshake(move |stream| certificate.acceptor().accept(stream))
}

async fn hello(request: Request<RequestBody>) -> Result<Response<String>, Infallible> {
    let peer = request.extensions().get().and_then(Peer::address);
    let peer = peer.map_or_else(String::new, |peer| peer.ip().to_string());
    Ok(Response::new(format!("hello {peer} over {:?}\n", request.version())))
}
