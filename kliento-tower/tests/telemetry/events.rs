//! The event of each request: subject, outcome and reason.

use std::convert::Infallible;
use std::future::pending;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::{Request, Response};
use kliento_tower::{
    CredentialPolicy, KlientoAuthLayer, TrustAnchorError, TrustAnchorStore, TrustAnchors, clock_fn,
};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::bundle::{authorization, layer, request, send, tampered};
use crate::log::events;

/// Sends a request with these credentials, and returns its only event.
fn event_of(layer: &KlientoAuthLayer, credentials: &[&str]) -> Value {
    let mut events = events(send(layer, request(credentials)));
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// Returns the event without its unpredictable fields, after checking these.
fn checked(mut event: Value) -> Value {
    let fields = event["fields"].as_object_mut().unwrap();
    assert!(fields.remove("duration_us").unwrap().is_u64());
    let error = fields.remove("error");
    assert_eq!(error.is_some(), fields["outcome"] != "accepted");
    assert_eq!(event["target"], "kliento_tower");
    assert_eq!(event["span"]["name"], "kliento");
    assert_eq!(event["span"]["outcome"], fields_of(&event)["outcome"]);
    json!([event["level"], event["span"]["subject"], event["fields"]])
}

fn fields_of(event: &Value) -> &Value {
    &event["fields"]
}

#[test]
fn logs_subject_of_accepted_request() {
    let (layer, good) = (layer(), authorization());
    for cache in ["miss", "hit", "hit"] {
        let fields = json!({
            "message": "authenticated", "outcome": "accepted",
            "subject": "alice@example.com", "cache": cache,
        });
        let event = checked(event_of(&layer, &[&good]));
        assert_eq!(event, json!(["DEBUG", "alice@example.com", fields]));
    }
}

#[test]
fn logs_reason_of_rejected_request() {
    let (good, bad) = (authorization(), tampered());
    for (credentials, code, reason, cache) in [
        (vec![], "credentials_missing", "credentials-missing", "none"),
        (vec!["Basic x"], "credentials_missing", "scheme-unsupported", "none"),
        (vec![&good, &good], "credentials_malformed", "credentials-multiple", "none"),
        (vec!["Kliento !"], "credentials_malformed", "authorization-base64", "miss"),
        (vec![&bad], "credentials_invalid", "signature-mismatch", "miss"),
        // Rejected bundles are not cached.
        (vec![&bad], "credentials_invalid", "signature-mismatch", "miss"),
    ] {
        let fields = json!({
            "message": "request rejected", "outcome": "rejected",
            "code": code, "reason": reason, "cache": cache,
        });
        assert_eq!(checked(event_of(&layer(), &credentials)), json!(["INFO", null, fields]));
    }
}

#[test]
fn logs_subject_denied_by_authorizer() {
    let layer = layer().with_authorizer(|_| false);
    let fields = json!({
        "message": "request rejected", "outcome": "rejected",
        "code": "permission_denied", "reason": "permission-denied", "cache": "miss",
    });
    let event = checked(event_of(&layer, &[&authorization()]));
    assert_eq!(event, json!(["INFO", "alice@example.com", fields]));
}

#[test]
fn logs_server_errors_at_level_error() {
    for (layer, reason) in [
        (layer().with_clock(clock_fn(|| None)), "clock-unavailable"),
        (layer().with_trust_anchors(TrustAnchors::new([])), "trust-anchors-unavailable"),
    ] {
        let fields = json!({
            "message": "authentication unavailable", "outcome": "rejected",
            "code": "unavailable", "reason": reason, "cache": "none",
        });
        assert_eq!(checked(event_of(&layer, &[&authorization()])), json!(["ERROR", null, fields]));
    }
}

/// Beyond a few a second, events have the level debug, and the next one has their number.
#[test]
fn floods_are_logged_a_few_times_with_a_count() {
    const REQUESTS: usize = 200;
    let broken = layer().with_trust_anchors(TrustAnchors::new([]));
    let busy = layer().with_concurrency_limit(1).unwrap().with_queue_limit(0).unwrap();
    for (layer, level, message) in [
        (layer(), "INFO", "request rejected"),
        (broken, "ERROR", "authentication unavailable"),
        (busy, "WARN", "queue full"),
    ] {
        let start = Instant::now();
        let flood = events(async {
            for number in 0..REQUESTS {
                // One request is pending, so that the others exceed the queue.
                let mut pending = None;
                if level == "WARN" {
                    let waiting = layer.clone().with_trust_anchors(Never);
                    let mut request = Box::pin(async move {
                        send(&waiting, request(&["Kliento x"])).await;
                    });
                    assert!(futures_util::poll!(&mut request).is_pending());
                    pending = Some(request);
                }
                send(&layer, request(&[&format!("Kliento {number}")])).await;
                drop(pending);
            }
        });
        let windows = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(flood.len(), REQUESTS);
        assert!(flood.iter().all(|event| event["fields"]["message"] == message));
        let (logged, others): (Vec<_>, Vec<_>) =
            flood.iter().partition(|event| event["level"] == level);
        assert!((5..=5 * windows).contains(&logged.len()), "{} in {windows} s", logged.len());
        assert!(others.iter().all(|event| event["level"] == "DEBUG"));
        let count = |events: &[&Value]| {
            events.iter().filter_map(|event| event["fields"]["suppressed"].as_u64()).sum::<u64>()
        };
        if level != "WARN" {
            let last = event_of(&layer, &["Kliento x"]);
            assert_eq!(last["level"], level);
            assert_eq!(count(&logged) + count(&[&last]), others.len() as u64);
        }
    }
}

/// Anchors that are never available.
struct Never;

#[async_trait]
impl TrustAnchorStore for Never {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        pending().await
    }
}

#[test]
fn logs_requests_that_pass_without_identity() {
    let layer = layer().with_policy(CredentialPolicy::AllowMissingOrInvalid);
    for (credentials, reason, cache) in
        [(vec![], "credentials-missing", "none"), (vec![tampered()], "signature-mismatch", "miss")]
    {
        let fields = json!({
            "message": "unauthenticated", "outcome": "unauthenticated",
            "reason": reason, "cache": cache,
        });
        let credentials: Vec<_> = credentials.iter().map(String::as_str).collect();
        assert_eq!(checked(event_of(&layer, &credentials)), json!(["DEBUG", null, fields]));
    }
}

/// Also after the inner service was pending.
#[test]
fn inner_service_logs_within_the_span() {
    let service = layer().layer(service_fn(async |_: Request<String>| {
        tracing::info!("called");
        tokio::task::yield_now().await;
        tracing::info!("resumed");
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    for _ in 0..2 {
        let events = events(service.clone().oneshot(request(&[&authorization()])));
        let messages = events.iter().map(|event| fields_of(event)["message"].as_str().unwrap());
        assert!(messages.eq(["authenticated", "called", "resumed"]), "{events:?}");
        for event in events {
            assert_eq!(event["span"]["subject"], "alice@example.com");
        }
    }
}
