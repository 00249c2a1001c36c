//! The service over TLS, and the replacement of its certificate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end by a panic")]

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;

/// Writes a new certificate to the directory.
fn renew(directory: &Path) -> CertificateDer<'static> {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(directory.join("chain.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

const INTERVAL: Duration = Duration::from_millis(50);

fn load(directory: &Path) -> Arc<Certificate> {
    let (chain, key) = (directory.join("chain.pem"), directory.join("key.pem"));
    Arc::new(Certificate::load(chain, key, INTERVAL).unwrap())
}

async fn start(directory: &Path) -> SocketAddr {
    let certificate = load(directory);
    tokio::spawn(Arc::clone(&certificate).reload_on_change());
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let service = service(Arc::clone(&certificate));
    let listener = with_tls(tcp, certificate);
    tokio::spawn(
        async move { Server::new().serve(listener, service, std::future::pending()).await },
    );
    address
}

/// Connects with this certificate as the only trusted one.
async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocol: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(address).await?;
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// As an editor may leave them: with a byte-order mark, indents and text around.
#[test]
fn files_of_an_editor_are_read() {
    let directory = tempfile::tempdir().unwrap();
    renew(directory.path());
    for name in ["chain.pem", "key.pem"] {
        let file = directory.path().join(name);
        let pem = fs::read_to_string(&file).unwrap().replace('\n', "\n  ");
        fs::write(&file, format!("\u{feff}{pem}\n\nand a comment")).unwrap();
    }
    load(directory.path());
}

#[tokio::test]
async fn serves_the_protocol_that_alpn_negotiates() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = renew(directory.path());
    let address = start(directory.path()).await;

    let tls = connect(address, &certificate, "h2").await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await;
    let (mut sender, connection) = handshake.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(text(response).await, "hello 127.0.0.1 over HTTP/2.0\n");

    let tls = connect(address, &certificate, "http/1.1").await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new());
    let response = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(text(response).await, "hello 127.0.0.1 over HTTP/1.1\n");
}

#[tokio::test]
async fn new_connections_get_the_new_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let old = renew(directory.path());
    let address = start(directory.path()).await;
    let tls = connect(address, &old, "http/1.1").await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
    tokio::spawn(connection);

    let new = renew(directory.path());
    let start = Instant::now();
    while connect(address, &new, "h2").await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(connect(address, &old, "h2").await.is_err());
    // The old connection is still open.
    let request = Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new());
    assert!(sender.send_request(request.unwrap()).await.is_ok());

    // An invalid file does not replace the certificate.
    fs::write(directory.path().join("chain.pem"), "not a certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(connect(address, &new, "h2").await.is_ok());
}

async fn health(address: SocketAddr, trusted: &CertificateDer<'static>) -> String {
    let tls = connect(address, trusted, "http/1.1").await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/health").header("host", "localhost").body(Empty::<Bytes>::new());
    text(sender.send_request(request.unwrap()).await.unwrap()).await
}

#[tokio::test]
async fn health_says_whether_the_files_are_valid() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = renew(directory.path());
    let address = start(directory.path()).await;
    assert_eq!(health(address, &certificate).await, "ok\n");
    let chain = directory.path().join("chain.pem");
    fs::write(&chain, "not a certificate").unwrap();
    let start = Instant::now();
    while health(address, &certificate).await != "degraded: certificate\n" {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(INTERVAL).await;
    }
}

#[tokio::test]
async fn health_says_whether_the_files_are_polled() {
    let directory = tempfile::tempdir().unwrap();
    renew(directory.path());
    let certificate = load(directory.path());
    let polling = tokio::spawn(Arc::clone(&certificate).reload_on_change());
    tokio::time::sleep(INTERVAL).await;
    assert_eq!(certificate.health(), Ok(()));
    polling.abort();
    polling.await.unwrap_err();
    assert_eq!(certificate.health(), Err(http_guard::HealthError::Stopped));
}

/// Opening a pipe would block.
#[cfg(unix)]
#[test]
fn reads_only_regular_files() {
    let directory = tempfile::tempdir().unwrap();
    renew(directory.path());
    let key = directory.path().join("key.pem");
    let error = Certificate::load("/dev/null".into(), key, INTERVAL).err().unwrap();
    assert_eq!(error.to_string(), "not a regular file");
}
