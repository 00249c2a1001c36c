//! `CONNECT` makes no tunnel (RFC 9110, 9.3.6), in which requests would pass unchecked.

use crate::with_each_proxy;

with_each_proxy!(rejects_connect);

mod cases {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::http::Version;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use crate::fixture::{Fixture, VERSIONS};
    use crate::proxy::Proxy;
    use crate::service::Service;

    /// The service answers every method, as some servers do.
    pub(super) async fn rejects_connect(proxy: Proxy) {
        let (service, received) = start_careless_service().await;
        let fixture = Fixture::start_before(proxy, service);
        for version in VERSIONS {
            let authorization = [("authorization", fixture.bundles.valid.as_str())];
            let status =
                fixture.connect(version).await.tunnel("example.com:80", &authorization).await;
            // Caddy makes a request of it, and no tunnel.
            if proxy != Proxy::Caddy {
                assert!(
                    status.is_none_or(|status| !status.is_success()),
                    "{version:?}: {status:?}"
                );
            }
        }
        let bundle = &fixture.bundles.valid;
        let first = format!(
            "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\nAuthorization: {bundle}\r\n\r\n"
        );
        let second = "GET /admin HTTP/1.1\r\nHost: localhost\r\nKliento-Subject: mallory\r\n\r\n";
        let mut client = TcpStream::connect(fixture.address(Version::HTTP_11)).await.unwrap();
        client.write_all(first.as_bytes()).await.unwrap();
        client.read_u8().await.unwrap();
        // The proxy may have closed the connection.
        let _ = client.write_all(second.as_bytes()).await;
        let mut rest = Vec::new();
        let read = client.read_to_end(&mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(2), read).await;
        let received = String::from_utf8_lossy(&received.lock().unwrap()).into_owned();
        assert!(!received.contains("mallory"), "{received}");
    }

    /// Starts a service that answers each packet with 200, and keeps what it receives.
    async fn start_careless_service() -> (Service, Arc<Mutex<Vec<u8>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let all = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                        all.lock().unwrap().extend_from_slice(&buffer[..length]);
                        if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        (Service::at(address), received)
    }
}
