//! Failures of `kliento serve`, and of the configuration: nothing reaches the service.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, RETRY_AFTER};
use serde_json::Value;
use tokio::time::timeout;

use crate::proxied::{CONFIGURATION, Proxied, clients};

#[tokio::test]
async fn responds_with_503_without_the_authorizer() {
    let Some(mut proxied) = Proxied::start().await else { return };
    for (_, client) in clients() {
        let request = proxied.get(&client, &[proxied.issuer.valid()]);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        proxied.received();
    }
    proxied.authorizer.kill();
    for (_, client) in clients() {
        for credentials in [vec![], vec![proxied.issuer.valid()]] {
            let response = proxied.get(&client, &credentials).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    assert_eq!(proxied.backend.take().len(), 0);
}

#[tokio::test]
async fn responds_with_503_if_the_authorizer_is_slow() {
    let Some(proxied) = Proxied::start().await else { return };
    proxied.authorizer.signal("STOP");
    for (_, client) in clients() {
        let request = proxied.get(&client, &[proxied.issuer.valid()]).send();
        // Envoy's timeout is 2 s.
        let response = timeout(Duration::from_secs(60), request).await.expect("a timeout of Envoy");
        assert_eq!(response.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(proxied.backend.take().len(), 0);
    proxied.authorizer.signal("CONT");
    let (_, client) = &clients()[0];
    let response = proxied.get(client, &[proxied.issuer.valid()]).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn responds_with_503_on_routes_of_an_unknown_audience() {
    let unknown = "https://unknown.example.com";
    let configuration = CONFIGURATION.replace("https://billing.example.com", unknown);
    // Nor does a service pass what this configuration would let through.
    let configuration =
        configuration.replace("failure_mode_allow: false", "failure_mode_allow: true");
    let Some(proxied) = Proxied::with(&configuration, &[]).await else { return };
    for (_, client) in clients() {
        for credentials in
            [vec![], vec![proxied.issuer.valid()], vec![proxied.issuer.valid_for(unknown)]]
        {
            let url = format!("{}/billing/", proxied.envoy.url());
            let request = credentials
                .iter()
                .fold(client.get(url), |request, value| request.header("authorization", value));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(RETRY_AFTER));
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["code"], "unavailable");
        }
    }
    assert_eq!(proxied.backend.take().len(), 0);
    let Proxied { authorizer, .. } = proxied;
    authorizer.signal("TERM");
    let (status, log) = authorizer.end();
    assert!(status.success());
    assert!(log.contains("ERROR") && log.contains(unknown), "{log}");
}
