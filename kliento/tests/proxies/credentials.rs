//! Which credentials reach the service, and what the client gets for others.

use crate::with_each_proxy;

with_each_proxy!(
    passes_identity,
    rejects_others,
    passes_largest_bundle,
    rejects_larger_ones,
    limits_organisations
);

mod cases {
    use std::io::Write as _;

    use axum::http::StatusCode;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    use crate::bundles::{AUDIENCE, VALID_UNTIL};
    use crate::client::HttpResponse;
    use crate::fixture::{Fixture, VERSIONS};
    use crate::proxy::Proxy;

    pub(super) async fn passes_identity(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        for version in VERSIONS {
            let headers = [("authorization", fixture.bundles.valid.as_str()), ("x-other", "kept")];
            let received = fixture.get(version, &headers).await.received();
            let expected = [
                ("kliento-subject", "carol@example.org"),
                ("kliento-organisation", "example.org"),
                ("kliento-user", "carol"),
                ("kliento-signer", "member"),
                ("kliento-audience", AUDIENCE),
                ("kliento-valid-until", VALID_UNTIL),
                ("kliento-claim-role", "deploy"),
                ("x-other", "kept"),
                ("authorization", ""),
            ];
            for (name, value) in expected {
                assert_eq!(received.get(name), value, "{version:?}: {name}");
            }
            let claims = URL_SAFE_NO_PAD.decode(received.get("kliento-claims")).unwrap();
            assert_eq!(claims, br#"{"role":"deploy"}"#);
        }
    }

    pub(super) async fn rejects_others(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        let bundles = fixture.bundles;
        let rejected = [
            &[][..],
            &["Bearer abc"],
            &["Kliento AAAA"],
            &[&bundles.expired],
            &[&bundles.other_audience],
            &[&bundles.forged],
            &[&bundles.valid, &bundles.valid],
            &["Bearer abc", &bundles.valid],
        ];
        for version in VERSIONS {
            for values in rejected {
                let headers: Vec<_> =
                    values.iter().map(|value| ("authorization", *value)).collect();
                let response = fixture.get(version, &headers).await;
                // nginx rejects several headers itself.
                if proxy == Proxy::Nginx && values.len() > 1 {
                    assert_eq!(response.status, StatusCode::BAD_REQUEST);
                } else {
                    assert_unauthorized(proxy, &response);
                }
            }
        }
        assert_eq!(fixture.service.requests(), 0);
    }

    fn assert_unauthorized(proxy: Proxy, response: &HttpResponse) {
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{response:?}");
        let challenge = response.header("www-authenticate");
        assert!(challenge.starts_with(r#"Kliento realm="https://api.example.com""#), "{challenge}");
        // nginx replaces the body.
        if proxy != Proxy::Nginx {
            assert_eq!(response.header("content-type"), "application/problem+json");
            let problem: Value = serde_json::from_slice(&response.body).unwrap();
            assert!(problem["code"].as_str().unwrap().starts_with("credentials_"), "{problem}");
        }
    }

    pub(super) async fn passes_largest_bundle(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        assert_eq!(fixture.bundles.largest.len(), 21_856);
        for version in VERSIONS {
            let mut connection = fixture.connect(version).await;
            // The second one is a hit of the cache.
            for _ in 0..2 {
                let headers = [("authorization", fixture.bundles.largest.as_str())];
                let received = connection.get("/", &headers).await.received();
                let claims = URL_SAFE_NO_PAD.decode(received.get("kliento-claims")).unwrap();
                let claims: Value = serde_json::from_slice(&claims).unwrap();
                assert_eq!(claims["role"], "deploy");
                assert!(claims["padding"].as_str().unwrap().len() > 10_000);
                assert_eq!(received.get("kliento-claim-role"), "deploy");
            }
        }
    }

    pub(super) async fn limits_organisations(proxy: Proxy) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let rules = "[[allow]]\norganisations = ['*']\n[[quota]]\nrequests = 1\nperiod = 3600\n";
        file.write_all(rules.as_bytes()).unwrap();
        let options = ["--admission", file.path().to_str().unwrap()];
        let fixture = Fixture::start_with(proxy, &options, &[]).await;
        let headers = [("authorization", fixture.bundles.valid.as_str())];
        fixture.get(VERSIONS[0], &headers).await.received();
        let response = fixture.get(VERSIONS[0], &headers).await;
        assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS, "{response:?}");
        assert!(response.header("retry-after").parse::<u32>().unwrap() > 1, "{response:?}");
        assert_eq!(fixture.service.requests(), 1);
    }

    pub(super) async fn rejects_larger_ones(proxy: Proxy) {
        let fixture = Fixture::start(proxy).await;
        for version in VERSIONS {
            let headers = [("authorization", fixture.bundles.too_large.as_str())];
            assert_unauthorized(proxy, &fixture.get(version, &headers).await);
            // The bundle is valid, and its claims do not fit the headers of an answer.
            let headers = [("authorization", fixture.bundles.large_claim_header.as_str())];
            let response = fixture.get(version, &headers).await;
            assert_eq!(response.status, StatusCode::FORBIDDEN, "{response:?}");
        }
        // More than any setting allows.
        let value = format!("Kliento {}", "A".repeat(40_000));
        let response = fixture.get(VERSIONS[0], &[("authorization", &value)]).await;
        let expected = match proxy {
            Proxy::Nginx | Proxy::Haproxy => StatusCode::BAD_REQUEST,
            Proxy::Caddy => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        };
        assert_eq!(response.status, expected, "{response:?}");
        assert_eq!(fixture.service.requests(), 0);
    }
}
