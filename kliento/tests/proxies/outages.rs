//! Without an answer of the authorizer, no request reaches the service.

use crate::with_each_proxy;

with_each_proxy!(rejects_while_authorizer_is_down, rejects_while_authorizer_is_slow);

mod cases {
    use std::time::Duration;

    use axum::http::StatusCode;
    use tokio::time::timeout;

    use crate::client::HttpResponse;
    use crate::fixture::{Fixture, VERSIONS};
    use crate::proxy::Proxy;

    pub(super) async fn rejects_while_authorizer_is_down(proxy: Proxy) {
        let mut fixture = Fixture::start(proxy).await;
        let headers = [("authorization", fixture.bundles.valid.as_str())];
        fixture.get(VERSIONS[0], &headers).await.received();
        fixture.authorizer.kill();
        for version in VERSIONS {
            let response = fixture.get(version, &headers).await;
            assert_unavailable(proxy, &response, StatusCode::BAD_GATEWAY);
        }
        assert_eq!(fixture.service.requests(), 1);
    }

    pub(super) async fn rejects_while_authorizer_is_slow(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        let headers = [("authorization", fixture.bundles.valid.as_str())];
        fixture.get(VERSIONS[0], &headers).await.received();
        fixture.authorizer.suspend();
        // The client does not wait for longer than the settings say, with time for a busy machine.
        let response = timeout(Duration::from_secs(60), fixture.get(VERSIONS[0], &headers));
        let response = response.await.expect("a bounded wait");
        assert_unavailable(proxy, &response, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(fixture.service.requests(), 1);
    }

    fn assert_unavailable(proxy: Proxy, response: &HttpResponse, of_caddy: StatusCode) {
        if proxy == Proxy::Caddy {
            assert_eq!(response.status, of_caddy, "{response:?}");
            return;
        }
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{response:?}");
        assert_eq!(response.header("retry-after"), "1", "{response:?}");
    }
}
