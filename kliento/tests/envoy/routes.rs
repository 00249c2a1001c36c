//! Other spellings of the path of a route.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::issuer::AUDIENCES;
use crate::proxied::Proxied;
use crate::upgrade::read_head;

#[tokio::test]
async fn restricts_each_spelling_of_a_path() {
    let Some(proxied) = Proxied::start().await else { return };
    let [api, billing] = AUDIENCES.map(|audience| proxied.issuer.valid_for(audience));
    for (path, rejection, passes) in [
        ("/billing", "401", true),
        ("/billing/x", "401", true),
        ("/billing?x", "401", true),
        ("//billing/x", "401", true),
        ("/./billing/x", "401", true),
        ("/x/../billing/x", "401", true),
        ("/%62illing/x", "401", true),
        ("/x/%2e%2e/billing/x", "401", true),
        ("/billing%2Fx", "400", false),
        ("/%2Fbilling/x", "400", false),
        ("/x/..%5cbilling/x", "400", false),
    ] {
        let head = get(&proxied, path, &api).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {rejection} ")), "{path}: {head}");
        assert_eq!(proxied.backend.take().len(), 0, "{path}");
        let head = get(&proxied, path, &billing).await;
        assert_eq!(head.starts_with("HTTP/1.1 200 "), passes, "{path}: {head}");
        assert_eq!(proxied.backend.take().len(), usize::from(passes), "{path}");
    }
}

/// Requests a path as it is, which a library would normalize, and returns the response's head.
async fn get(proxied: &Proxied, path: &str, credentials: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", proxied.envoy.port())).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: api.example.com\r\nauthorization: {credentials}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    read_head(&mut stream).await
}
