//! WebSockets and gRPC behind the proxies.

use crate::with_each_proxy;

with_each_proxy!(upgrades_authorized_requests, passes_authorized_calls);

mod cases {
    use axum::http::{StatusCode, Version};
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::net::TcpStream;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    use tokio_tungstenite::tungstenite::{Error, Message};
    use tokio_tungstenite::{WebSocketStream, client_async};

    use crate::client::Received;
    use crate::fixture::Fixture;
    use crate::proxy::Proxy;

    pub(super) async fn upgrades_authorized_requests(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        for rejected in ["Kliento AAAA", &fixture.bundles.expired] {
            let Err(Error::Http(response)) = connect(&fixture, rejected).await else {
                panic!("upgraded");
            };
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(fixture.service.requests(), 0);
        let mut socket = connect(&fixture, &fixture.bundles.valid).await.unwrap();
        let headers = socket.next().await.unwrap().unwrap().into_data();
        assert_eq!(Received::from_json(&headers).get("kliento-subject"), "carol@example.org");
        socket.send(Message::text("hello")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    }

    async fn connect(
        fixture: &Fixture,
        credentials: &str,
    ) -> Result<WebSocketStream<TcpStream>, Error> {
        let address = fixture.address(Version::HTTP_11);
        let mut request = format!("ws://{address}/echo").into_client_request().unwrap();
        request.headers_mut().insert("authorization", credentials.parse().unwrap());
        request.headers_mut().insert("kliento-subject", "mallory".parse().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        client_async(request, stream).await.map(|(socket, _)| socket)
    }

    pub(super) async fn passes_authorized_calls(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        let mut connection = fixture.connect(Version::HTTP_2).await;
        let path = "/example.v1.Greeter/Hello";
        let spoofed = ("kliento-subject", "mallory");
        // gRPC clients read a 401 without `grpc-status` as UNAUTHENTICATED.
        let response = connection.call(path, &[spoofed], "hello").await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{response:?}");
        assert_eq!(response.header("grpc-status"), "");
        assert_eq!(fixture.service.requests(), 0);

        let headers = [("authorization", fixture.bundles.valid.as_str()), spoofed];
        let response = connection.call(path, &headers, "hello").await;
        assert_eq!((response.status, &response.body[..]), (StatusCode::OK, &b"hello"[..]));
        assert_eq!(response.header("content-type"), "application/grpc");
        assert_eq!(response.trailers["grpc-status"], "0");
        let received = Received::from_json(response.trailers["x-headers"].as_bytes());
        assert_eq!(received.get("kliento-subject"), "carol@example.org");
        assert_eq!(received.get("authorization"), "");
    }
}
