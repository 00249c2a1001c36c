//! `--metrics`: what it tells after real requests, and the dashboard that reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kleidia_tower::metrics::{METRICS, Metric, MetricKind};
use serde_json::Value;

use crate::api::event_stream::EventStream;
use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

const ARGUMENTS: [&str; 8] = [
    "--metrics",
    "127.0.0.1:0",
    "--cache-sessions",
    "5s",
    "--refresh-grace",
    "0s",
    "--lockout-threshold",
    "2",
];

/// Metrics of what this traffic does not cause: a fault, and hooks, which the portal does not have.
const NOT_CAUSED: [&str; 2] = ["background_panics_total", "kleidia_hook_duration_seconds"];

/// The lines of a response of `GET /metrics`.
struct Scraped(String);

/// A metric of the tables in `docs/metrics.md`.
#[derive(Debug, PartialEq, Eq)]
struct Documented {
    kind: String,
    labels: BTreeSet<String>,
    description: String,
}

impl Scraped {
    async fn get(portal: &Portal) -> Self {
        let line = portal.startup_output.lines().find_map(|line| line.strip_prefix("metrics on "));
        let response = reqwest::get(line.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
        Self(response.text().await.unwrap())
    }

    /// Waits until the sample with this name and these labels has the value.
    async fn wait_for(portal: &Portal, sample: &str, value: f64) -> Self {
        Self::wait_until(portal, sample, |found| (found - value).abs() < 0.5).await
    }

    /// Waits until the sample has such a value.
    async fn wait_until(portal: &Portal, sample: &str, is_done: impl Fn(f64) -> bool) -> Self {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let scraped = Self::get(portal).await;
            let found = scraped.value(sample);
            if found.is_some_and(&is_done) {
                return scraped;
            }
            assert!(Instant::now() < deadline, "{sample}: {found:?}\n{}", scraped.0);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn samples(&self) -> impl Iterator<Item = (&str, f64)> {
        let lines = self.0.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            (sample, value.parse().unwrap())
        })
    }

    fn value(&self, sample: &str) -> Option<f64> {
        self.samples().find(|(found, _)| *found == sample).map(|(_, value)| value)
    }

    /// Returns the labels of each metric. A histogram has one name.
    fn labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut metrics = BTreeMap::<_, BTreeSet<_>>::new();
        for (sample, _) in self.samples() {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
            let names = pairs.map(|pair| pair.split_once('=').unwrap().0);
            metrics.entry(base_name(name)).or_default().extend(names.filter(|name| *name != "le"));
        }
        metrics
    }
}

/// Returns the name of the histogram to which a series belongs, or the name itself.
fn base_name(name: &str) -> &str {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    base.filter(|base| base.ends_with("_seconds")).unwrap_or(name)
}

fn repository_file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Returns the rows of the tables of metrics.
fn documented() -> BTreeMap<String, Documented> {
    let document = repository_file("docs/metrics.md");
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, description] = cells[..] else { return None };
        let name = name.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        let (kind, description) = (kind.to_owned(), description.to_owned());
        Some((name, Documented { kind, labels, description }))
    };
    document.lines().filter_map(|line| row(&line.replace("| | ", "|  | "))).collect()
}

/// Causes each outcome that a user can. Returns what no metric may contain.
async fn send_traffic(portal: &Portal) -> Vec<String> {
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    for _ in 0..3 {
        portal.get("/api/whoami").auth(&alice).send().await.expect_json();
    }
    portal.get("/api/whoami").send().await.expect_problem(401, "token_invalid");
    portal.assert_may_not_list_users(&alice).await;
    portal.login_request("mallory", PASSWORD).send().await;
    // The second one starts a lock, the third one finds it.
    for _ in 0..3 {
        let guess = portal.login_request("alice", "wrong password").send().await;
        guess.expect_problem(401, "invalid_credentials");
    }
    let mut stream = EventStream::open(portal, &alice).await;
    stream.expect("roles").await;
    Scraped::wait_for(portal, "open_streams", 1.0).await;
    let successor = Tokens::from_response(&portal.refresh(&alice.refresh).await);
    portal.refresh(&alice.refresh).await.expect_problem(401, "refresh_reused");
    stream.expect_end("session_ended").await;
    let mut secrets = vec![ADMIN.to_owned(), "alice".into(), "mallory".into(), PASSWORD.into()];
    secrets.extend([admin, alice, successor].into_iter().flat_map(|it| [it.access, it.refresh]));
    // No route has this path, and no client chooses a label.
    portal.get("/api/secret-path").send().await.expect_problem(404, "not_found");
    secrets.push("secret-path".to_owned());
    secrets
}

#[tokio::test]
async fn counts_what_users_do() {
    let portal = Portal::start(&ARGUMENTS);
    let secrets = send_traffic(&portal).await;
    let scraped = Scraped::wait_for(&portal, "open_streams", 0.0).await;
    for (sample, value) in [
        (r#"kleidia_logins_total{outcome="success"}"#, 2.0),
        (r#"kleidia_logins_total{outcome="invalid_credentials"}"#, 4.0),
        (r#"kleidia_password_checks_total{outcome="correct"}"#, 2.0),
        (r#"kleidia_password_checks_total{outcome="unknown_name"}"#, 1.0),
        (r#"kleidia_password_checks_total{outcome="wrong"}"#, 2.0),
        (r#"kleidia_password_checks_total{outcome="locked"}"#, 1.0),
        ("kleidia_lockouts_total", 1.0),
        (r#"kleidia_refreshes_total{outcome="success"}"#, 1.0),
        (r#"kleidia_refreshes_total{outcome="refresh_reused"}"#, 1.0),
        (r#"kleidia_rejections_total{layer="rbac",code="permission_denied"}"#, 1.0),
        (r#"streams_ended_total{code="session_ended"}"#, 1.0),
        (r#"kleidia_audit_records_total{event="user.created",outcome="success"}"#, 1.0),
        ("kleidia_password_hashing_queued", 0.0),
        ("kleidia_password_hashing_active", 0.0),
        ("kleidia_denials_lost_total", 0.0),
        ("log_lines_lost_total", 0.0),
    ] {
        assert_eq!(scraped.value(sample), Some(value), "{sample}\n{}", scraped.0);
    }
    let count = |name: &str| {
        let of_name = scraped.samples().filter(|(sample, _)| sample.starts_with(name));
        of_name.map(|(_, value)| value).sum::<f64>()
    };
    assert!(count(r#"kleidia_session_cache_lookups_total{result="hit""#) >= 2.0);
    assert!(
        count("kleidia_store_operation_duration_seconds_count{operation=\"open_session\"") > 1.0
    );
    assert!(count("kleidia_password_hashing_duration_seconds_count") >= 5.0);
    for secret in secrets {
        assert!(!scraped.0.contains(&format!("\"{secret}")), "{secret}\n{}", scraped.0);
    }
    assert!(!scraped.0.contains("127.0.0.1"), "{}", scraped.0);
    Scraped::wait_for(&portal, "kleidia_denials_pending", 0.0).await;
    // The log is sealed at intervals.
    let is_sealed = |records| records > 5.0;
    let sealed = Scraped::wait_until(&portal, "kleidia_audit_sealed_records", is_sealed).await;
    assert!(sealed.value("kleidia_audit_sealed_timestamp_seconds").unwrap() > 1.0e9);
}

#[tokio::test]
async fn each_metric_is_documented_and_each_documented_one_is_served() {
    let documented = documented();
    for Metric { name, kind, labels, description, .. } in METRICS {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let (kind, description) = (kind.as_str().to_owned(), (*description).to_owned());
        let expected = Documented { kind, labels, description };
        assert_eq!(documented.get(*name), Some(&expected), "{name}");
    }
    let portal = Portal::start(&ARGUMENTS);
    send_traffic(&portal).await;
    Scraped::wait_for(&portal, "open_streams", 0.0).await;
    let is_sealed = |records| records > 5.0;
    let scraped = Scraped::wait_until(&portal, "kleidia_audit_sealed_records", is_sealed).await;
    let served = scraped.labels();
    for (name, labels) in &served {
        let documented = documented.get(*name).unwrap_or_else(|| panic!("{name}"));
        assert!(labels.iter().eq(&documented.labels), "{name}: {labels:?}");
        let kind = format!("# TYPE {name} {}\n", documented.kind);
        assert!(scraped.0.contains(&kind), "{kind}\n{}", scraped.0);
        assert!(scraped.0.contains(&format!("# HELP {name} ")), "{name}");
    }
    let expected = documented.keys().map(String::as_str);
    let expected = expected.filter(|name| !name.starts_with("kliento_"));
    let missing: Vec<_> = expected.filter(|name| !served.contains_key(name)).collect();
    assert_eq!(missing, NOT_CAUSED);
    let histograms = METRICS.iter().filter(|metric| metric.kind == MetricKind::Histogram);
    assert!(histograms.map(|metric| metric.name).all(|name| name.ends_with("_seconds")));
}

#[test]
fn dashboard_reads_metrics_and_labels_that_exist() {
    let documented = documented();
    let dashboard: Value =
        serde_json::from_str(&repository_file("examples/portal/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    let mut read = BTreeSet::new();
    for expression in &expressions {
        let names: Vec<_> = words(expression).filter(|word| is_metric(word)).collect();
        let [name, ..] = names[..] else { panic!("no metric: {expression}") };
        let metric = documented.get(base_name(name)).unwrap_or_else(|| panic!("{expression}"));
        let is_histogram = base_name(name) != name;
        assert_eq!(is_histogram, metric.kind == "histogram", "{expression}");
        read.extend(names.iter().map(|name| base_name(name).to_owned()));
        for label in labels(expression) {
            let is_known = metric.labels.contains(label) || ["instance", "le"].contains(&label);
            assert!(is_known, "{label}: {expression}");
        }
    }
    let unread = METRICS.iter().filter(|metric| !read.contains(metric.name));
    assert_eq!(unread.collect::<Vec<_>>(), Vec::<&Metric>::new());
    assert_eq!(dashboard["schemaVersion"].as_u64().map(|version| version >= 36), Some(true));
}

fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
}

fn is_metric(word: &str) -> bool {
    let prefixes = ["kleidia_", "kliento_", "http_server_", "streams_", "background_", "log_lines"];
    word == "open_streams" || prefixes.iter().any(|prefix| word.starts_with(prefix))
}

/// Returns the labels by which an expression groups and selects.
fn labels(expression: &str) -> Vec<&str> {
    let grouped = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let selected = expression.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let selected = selected.flat_map(|text| text.split(", "));
    let selected = selected.filter_map(|text| text.split(['=', '!']).next());
    grouped.flat_map(|text| text.split(", ")).chain(selected).collect()
}

#[tokio::test]
async fn address_is_checked_before_the_portal_starts() {
    let portal = Portal::start(&ARGUMENTS);
    let line =
        portal.startup_output.lines().find_map(|line| line.strip_prefix("metrics on http://"));
    let address = line.unwrap().strip_suffix("/metrics").unwrap();
    let database = crate::portal::TempDatabase::with_admin();
    let mut command = crate::portal::command(&database.path(), &["--metrics", address]);
    let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("--metrics: failed to listen on {address}")), "{error}");
    // Without the option there is no listener, and the API does not have the route.
    let other = Portal::start(&[]);
    assert!(!other.startup_output.contains("metrics"), "{}", other.startup_output);
    let response = portal.get("/metrics").send().await;
    assert_eq!(response.status, 404, "{response:?}");
}
