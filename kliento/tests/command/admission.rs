//! `--admission` of `kliento serve`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::time::{sleep, timeout};

use crate::reference::{Case, case};
use crate::run::kliento;
use crate::serve::Service;

/// Replaces the file as an operator should: at once.
fn write(path: &Path, rules: &str) {
    let new = path.with_extension("new");
    fs::write(&new, rules).unwrap();
    fs::rename(new, path).unwrap();
}

async fn authorize(service: &Service, case: &Case) -> Response {
    let bundle = kliento::TokenBundle::from_bytes(case.octets()).unwrap().to_authorization();
    let request = Client::new().get(service.url("/authorize")).header(AUTHORIZATION, bundle);
    request.send().await.unwrap()
}

/// Waits until the rules in the file are in force.
async fn wait_for(service: &Service, case: &Case, status: StatusCode) -> Response {
    let changed = async {
        loop {
            let response = authorize(service, case).await;
            if response.status() == status {
                return response;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), changed).await.expect("the rules are read")
}

async fn wait_for_metric(url: &str, line: &str) {
    let counted = async {
        loop {
            let text = reqwest::get(url).await.unwrap().text().await.unwrap();
            if text.lines().any(|found| found == line) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), counted).await.expect("the metric changes");
}

#[tokio::test]
async fn admits_by_rules_that_are_read_again() {
    let case = case("member-user");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admission.toml");
    write(&path, "[[allow]]\norganisations = ['other.example']\n");
    let rules = ["--audience", &case.audience, "--admission", path.to_str().unwrap()];
    let options = [&["--at", &case.at, "--metrics", "127.0.0.1:0"], &rules[..]].concat();
    let mut service = Service::start_with(&case, &options);
    let line = service.next_line();
    let metrics = line.strip_prefix("metrics on ").expect("an address").to_owned();
    let denied = authorize(&service, &case).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    assert_eq!(denied.headers()["kliento-subject"], "");

    write(&path, "[[allow]]\nsubjects = ['alice@example.com']\n");
    wait_for(&service, &case, StatusCode::OK).await;
    // A bad file changes nothing: the next good one does.
    write(&path, "[[allow]]\nsubjects = 7\n");
    wait_for_metric(&metrics, "kliento_admission_file_valid 0").await;
    assert_eq!(authorize(&service, &case).await.status(), StatusCode::OK);
    let quota = "[[allow]]\norganisations = ['*']\n[[quota]]\nrequests = 1\nperiod = 3600\n";
    write(&path, quota);
    let limited = wait_for(&service, &case, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(limited.headers().contains_key(RETRY_AFTER));
    service.terminate();
    let (_, log) = service.end();
    assert!(log.contains("invalid admission file"), "{log}");
}

#[test]
fn does_not_start_with_bad_rules() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admission.toml");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--audience", "a", "--admission"];
    for (rules, error) in [
        ("[[allow]]\nsubjects = 7\n", "line 2"),
        ("", "[[allow]]"),
        ("[[allow]]\norganisations = ['*']\nunknown = 1\n", "unknown"),
        ("[[allow]]\norganisations = ['*']\naudiences = ['b']\n", "unknown audience \"b\""),
    ] {
        write(&path, rules);
        let run = kliento(&[&serve[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.errors.contains("admission.toml") && run.errors.contains(error), "{run:?}");
    }
}
