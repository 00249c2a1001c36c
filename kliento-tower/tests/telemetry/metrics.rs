//! The metrics, with their documented names and labels.

use std::collections::BTreeMap;

use kliento_tower::{CredentialPolicy, TrustAnchors};
use metrics::with_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::bundle::{authorization, layer, request, send, tampered};
use crate::log::run;

/// Returns the count of each metric and its labels: of a histogram, its number of values.
fn counts(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let counts = metrics.map(|(key, _, _, value)| {
        let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => {
                // In seconds, and below a minute.
                assert!(values.iter().all(|seconds| (0.0..60.0).contains(&seconds.into_inner())));
                values.len() as u64
            }
            DebugValue::Gauge(_) => panic!("unexpected gauge"),
        };
        (format!("{}{{{labels}}}", key.key().name()), count)
    });
    counts.collect()
}

#[test]
fn counts_requests_by_outcome_reason_and_cache() {
    let recorder = DebuggingRecorder::new();
    let (good, bad) = (authorization(), tampered());
    let required = layer();
    let allowing = layer().with_policy(CredentialPolicy::AllowMissing);
    let broken = layer().with_trust_anchors(TrustAnchors::new([]));
    let strict = layer().with_authorizer(|_| false);
    with_local_recorder(&recorder, || {
        run(async {
            for (layer, credentials) in [
                (&required, vec![good.as_str()]),
                (&required, vec![&good]),
                (&required, vec![&good]),
                (&required, vec![]),
                (&required, vec![&bad]),
                (&required, vec![&bad]),
                (&allowing, vec![]),
                (&broken, vec![&good]),
                (&strict, vec![&good]),
            ] {
                send(layer, request(&credentials)).await;
            }
        });
    });
    let total = |labels: &str| format!("kliento_authentications_total{{{labels}}}");
    let duration = |cache: &str| format!("kliento_authentication_duration_seconds{{{cache}}}");
    let expected = [
        (total("outcome=accepted,reason=none,cache=miss"), 1),
        (total("outcome=accepted,reason=none,cache=hit"), 2),
        (total("outcome=rejected,reason=credentials-missing,cache=none"), 1),
        (total("outcome=rejected,reason=signature-mismatch,cache=miss"), 2),
        (total("outcome=unauthenticated,reason=credentials-missing,cache=none"), 1),
        (total("outcome=rejected,reason=trust-anchors-unavailable,cache=none"), 1),
        (total("outcome=rejected,reason=permission-denied,cache=miss"), 1),
        (duration("cache=none"), 3),
        (duration("cache=hit"), 2),
        (duration("cache=miss"), 4),
        ("kliento_verifications_total{}".to_owned(), 4),
    ];
    assert_eq!(counts(&recorder.snapshotter()), BTreeMap::from(expected));
}
