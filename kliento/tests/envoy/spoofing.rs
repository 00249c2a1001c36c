//! `Kliento-*` headers of clients.

use reqwest::header::HeaderValue;
use reqwest::{StatusCode, Version};

use crate::proxied::{Proxied, clients};
use crate::requests::check_identity;

#[tokio::test]
async fn overwrites_and_removes_headers_of_clients() {
    let Some(proxied) = Proxied::start().await else { return };
    for (version, client) in clients() {
        let mut request = proxied.get(&client, &[proxied.issuer.valid()]);
        for name in [
            "kliento-subject",
            "kliento-subject",
            "Kliento-Subject",
            "kliento_subject",
            "KLIENTO_USER",
            "Kliento.User",
            "kliento~user",
            "kliento-claim-role",
            "kliento-claim-admin",
            "kliento_claim-role",
            "kliento-other",
            "kliento-",
        ] {
            request = request.header(name, "mallory@evil.example");
        }
        // Headers that this one names must not be removed after Envoy has set them.
        if version == Version::HTTP_11 {
            request = request.header("connection", "kliento-subject, kliento-user");
        }
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        check_identity(&proxied.received().1);
    }
}

#[tokio::test]
async fn sets_headers_without_value_for_a_bot() {
    let Some(proxied) = Proxied::start().await else { return };
    for (_, client) in clients() {
        let request = proxied.get(&client, &[proxied.issuer.valid_for_bot()]);
        let request = request.header("kliento-user", "mallory").header("kliento-claim-role", "x");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let (_, headers) = proxied.received();
        assert_eq!(headers["kliento-subject"], "example.org");
        for name in ["kliento-user", "kliento-claim-role"] {
            assert!(headers.get_all(name).iter().all(HeaderValue::is_empty), "{headers:?}");
        }
    }
}
