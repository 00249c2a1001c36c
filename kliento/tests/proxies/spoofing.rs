//! Nothing that a client sends under the names of the answer reaches the service.

use crate::with_each_proxy;

with_each_proxy!(
    replaces_spoofed_headers,
    keeps_headers_that_connection_names,
    removes_upgrades_to_other_protocols
);

mod cases {
    use axum::http::Version;

    use crate::fixture::{Fixture, VERSIONS};
    use crate::proxy::Proxy;

    const SPOOFED: [&str; 13] = [
        "kliento-subject",
        "Kliento-Organisation",
        "KLIENTO-USER",
        "kliento_user",
        "Kliento_Subject",
        "Kliento.Subject",
        "kliento~user",
        "kliento-signer",
        "kliento-audience",
        "kliento-valid-until",
        "kliento-claims",
        "kliento-claim-role",
        "kliento_claim-role",
    ];

    pub(super) async fn replaces_spoofed_headers(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        let mut spoofed: Vec<_> = SPOOFED.iter().map(|name| (*name, "mallory")).collect();
        // nginx can only replace names that it knows.
        if proxy != Proxy::Nginx {
            spoofed.push(("kliento-claim-other", "mallory"));
        }
        for version in VERSIONS {
            let authorization = ("authorization", fixture.bundles.valid.as_str());
            let headers = [&spoofed[..], &[authorization], &spoofed].concat();
            let received = fixture.get(version, &headers).await.received();
            assert_eq!(received.get("kliento-subject"), "carol@example.org");
            assert_eq!(received.get("kliento-user"), "carol");
            assert!(received.values().all(|value| !value.contains("mallory")), "{received:?}");
        }
    }

    /// A proxy removes the headers that `Connection` names (RFC 9110, 7.6.1), but not its own.
    pub(super) async fn keeps_headers_that_connection_names(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        for value in ["Kliento-Subject, kliento-user", "close, kliento-subject,Kliento-User"] {
            let headers =
                [("authorization", fixture.bundles.valid.as_str()), ("connection", value)];
            let received = fixture.get(Version::HTTP_11, &headers).await.received();
            assert_eq!(received.get("kliento-subject"), "carol@example.org");
            assert_eq!(received.get("kliento-user"), "carol");
            // The service may be a proxy itself.
            assert!(!received.get("connection").to_lowercase().contains("kliento"), "{received:?}");
        }
    }

    /// After an upgrade, the proxy sees no requests any more (h2c smuggling).
    pub(super) async fn removes_upgrades_to_other_protocols(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        for protocols in [
            &["h2c"][..],
            &["H2C"],
            &["other"],
            &["websocket, h2c"],
            &["h2c,websocket"],
            &["h2c", "websocket"],
            &["websocket", "h2c"],
            &["websocket/h2c"],
        ] {
            let mut headers = vec![
                ("authorization", fixture.bundles.valid.as_str()),
                // Caddy answers h2c itself, without TLS, if this names `HTTP2-Settings`.
                ("connection", "Upgrade"),
                // HAProxy rejects requests for a WebSocket without it.
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
            ];
            headers.extend(protocols.iter().map(|protocol| ("upgrade", *protocol)));
            let received = fixture.get(Version::HTTP_11, &headers).await.received();
            let upgrade = received.get("upgrade");
            assert!(["", "websocket"].contains(&upgrade), "{protocols:?}: {received:?}");
            assert_eq!(received.get("kliento-subject"), "carol@example.org");
        }
    }
}
