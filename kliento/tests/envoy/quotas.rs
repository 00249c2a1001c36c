//! Quotas through Envoy, and what is counted: only what a route lets in.

use std::net::TcpListener;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, RETRY_AFTER};
use serde_json::Value;

use crate::issuer::AUDIENCES;
use crate::proxied::{CONFIGURATION, Proxied, clients};

const RULES: &str = "[[allow]]\norganisations = ['example.org']\n\
    [[quota]]\nrequests = 2\nperiod = 3600\n";

#[tokio::test]
async fn charges_what_a_route_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admission.toml");
    std::fs::write(&path, RULES).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let admission = ["--admission", path.to_str().unwrap(), "--metrics", &free];
    let options = [&admission[..], &["--claim-header", "padding"]].concat();
    let Some(proxied) = Proxied::with(CONFIGURATION, &options).await else { return };
    let issuer = &proxied.issuer;
    for (_, client) in clients() {
        // A token for another route, and one whose claims do not fit, cost nothing.
        let other = proxied.get(&client, &[issuer.valid_for(AUDIENCES[1])]);
        assert_eq!(other.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        let large = proxied.get(&client, &[issuer.largest().0]).send().await.unwrap();
        assert_eq!(large.status(), StatusCode::FORBIDDEN);
        assert_eq!(large.json::<Value>().await.unwrap()["code"], "claims_too_large");
        let valid = proxied.get(&client, &[issuer.valid()]).send().await.unwrap();
        assert_eq!(valid.status(), StatusCode::OK);
    }
    for (_, client) in clients() {
        let limited = proxied.get(&client, &[issuer.valid()]).send().await.unwrap();
        assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(limited.headers()[CACHE_CONTROL], "no-store");
        let wait: u64 = limited.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=3600).contains(&wait));
        assert_eq!(limited.json::<Value>().await.unwrap()["code"], "quota_exceeded");
    }
    assert_eq!(proxied.backend.take().len(), 2);

    let metrics = reqwest::get(format!("http://{free}/metrics")).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let count = |name: &str, label: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(count("kliento_authentications_total", "outcome=\"accepted\""), 2, "{metrics}");
    assert_eq!(count("kliento_authentications_total", "outcome=\"rejected\""), 6, "{metrics}");
    for (status, expected) in [("200", 2), ("401", 2), ("403", 2), ("429", 2)] {
        let label = format!("route=\"ext_authz\",status=\"{status}\"");
        assert_eq!(count("kliento_serve_requests_total", &label), expected, "{metrics}");
    }
}
