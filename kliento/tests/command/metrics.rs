//! `--metrics` of `kliento serve`.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, StatusCode};

use crate::reference::case;
use crate::serve::Service;

#[tokio::test]
async fn counts_requests_and_authentications() {
    let case = case("member-user");
    let options = ["--at", &case.at, "--audience", &case.audience, "--metrics", "127.0.0.1:0"];
    let mut service = Service::start_with(&case, &options);
    let line = service.next_line();
    let metrics = line.strip_prefix("metrics on ").expect("an address").to_owned();
    let bundle = kliento::TokenBundle::from_bytes(case.octets()).unwrap().to_authorization();
    let client = Client::new();
    for credentials in [Some(&bundle), Some(&bundle), None] {
        let request = client.get(service.url("/authorize"));
        let request =
            credentials.iter().fold(request, |it, value| it.header(AUTHORIZATION, *value));
        request.send().await.unwrap();
    }
    client.get(service.url("/health")).send().await.unwrap();
    client.get(service.url("/unknown")).send().await.unwrap();

    let response = client.get(&metrics).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/plain"));
    let text = response.text().await.unwrap();
    for line in [
        r#"kliento_serve_requests_total{route="/authorize",status="200"} 2"#,
        r#"kliento_serve_requests_total{route="/authorize",status="401"} 1"#,
        r#"kliento_serve_requests_total{route="/health",status="200"} 1"#,
        r#"kliento_serve_requests_total{route="other",status="404"} 1"#,
        r#"kliento_authentications_total{outcome="accepted",reason="none",cache="miss"} 1"#,
        r#"kliento_authentications_total{outcome="accepted",reason="none",cache="hit"} 1"#,
        r#"kliento_authentications_total{outcome="rejected",reason="credentials-missing",cache="none"} 1"#,
        r#"kliento_authentication_duration_seconds_count{cache="hit"} 1"#,
        "kliento_verifications_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let bucket = r#"kliento_authentication_duration_seconds_bucket{cache="miss",le="+Inf"} 1"#;
    assert!(text.contains(bucket), "{text}");

    // Neither listener has the routes of the other.
    let other = metrics.replace("/metrics", "/authorize");
    for url in [other, service.url("/metrics")] {
        assert_eq!(client.get(url).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    }
    service.terminate();
    assert!(service.end().0.success());
}
