//! Options of `kliento serve` for operators: traces, and a file of trust anchors.

use std::fs;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::reference::{Case, case};
use crate::run::kliento;
use crate::serve::Service;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn authorize(service: &Service, case: &Case, traceparent: &str) -> StatusCode {
    let bundle = kliento::TokenBundle::from_bytes(case.octets()).unwrap().to_authorization();
    let request = Client::new().get(service.url("/authorize")).header(AUTHORIZATION, bundle);
    request.header("traceparent", traceparent).send().await.unwrap().status()
}

#[tokio::test]
async fn logs_answers_with_their_traces() {
    let case = case("member-user");
    let (valid, malformed) = (format!("00-{TRACE}-00f067aa0ba902b7-01"), "00-\"x\"-1-1");
    let options = ["--at", &case.at, "--audience", "https://other.example"];
    let service = Service::start_with(&case, &[&options[..], &["--traces"]].concat());
    for traceparent in [&valid, malformed] {
        assert_eq!(authorize(&service, &case, traceparent).await, StatusCode::UNAUTHORIZED);
    }
    service.terminate();
    let (_, log) = service.end();
    // Both the reason of the rejection and the answer belong to the trace.
    let traced: Vec<_> = log.lines().filter(|line| line.contains(TRACE)).collect();
    assert_eq!(traced.len(), 2, "{log}");
    assert!(traced[0].contains("request rejected") && traced[1].contains("answered"), "{log}");
    assert!(traced[1].contains("status=401"), "{log}");
    assert!(!log.contains(malformed) && log.matches("answered").count() == 2, "{log}");

    let options = [&options[..], &["--traces", "--log-format", "json"]].concat();
    let service = Service::start_with(&case, &options);
    authorize(&service, &case, &valid).await;
    service.terminate();
    let (_, log) = service.end();
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answered: Vec<_> =
        events.filter(|event| event["fields"]["message"] == "answered").collect();
    assert_eq!(answered.len(), 1, "{log}");
    assert_eq!(answered[0]["span"]["trace_id"], TRACE);
}

#[tokio::test]
async fn trusts_the_anchors_of_a_file_that_changes() {
    let case = case("member-user");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors.ds");
    let path = path.to_str().unwrap();
    let write = |anchor: &str| {
        fs::write(format!("{path}.new"), anchor).unwrap();
        fs::rename(format!("{path}.new"), path).unwrap();
    };
    let iana = kliento::TrustAnchor::iana()[0].to_string();
    write(&iana);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--audience", &case.audience];
    let options = ["--at", &case.at, "--trust-anchor-file", path];
    let service = Service::run(&[&serve[..], &options].concat());
    let post = async || -> Value {
        let request = Client::new().post(service.url("/")).query(&[("audience", &case.audience)]);
        request.body(case.octets()).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(authorize(&service, &case, "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(post().await["status"], "invalid");
    write(&case.trust_anchors[0]);
    let changed = async {
        while authorize(&service, &case, "").await != StatusCode::OK {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), changed).await.expect("the anchors are read");
    assert_eq!(post().await["status"], "valid");

    for (arguments, reason) in [
        (&["--trust-anchor-file", "/nowhere/anchors"][..], "/nowhere/anchors"),
        (&["--trust-anchor-file", path, "--trust-anchor", &iana], "cannot be used with"),
        (&["--traces"], "--audience"),
    ] {
        let run = kliento(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        assert_eq!((run.status, run.errors.contains(reason)), (2, true), "{run:?}");
    }
}
