//! The values that events and spans record as they are.

/// The values of each file that contain no untrusted text: numbers, instants, addresses, texts of the
/// program itself, and checked ones of the operator. Everything else goes through `log_text`.
pub(super) const REVIEWED: &[(&str, &[&str])] = &[
    ("examples/kliento-axum/src/layers.rs", &["status", "duration_ms", "suppressed"]),
    ("examples/kliento-axum/src/main.rs", &["summary.dropped_requests()"]),
    ("examples/kliento-hyper/src/main.rs", &["summary.dropped_requests()"]),
    ("examples/kliento-tonic/src/bin/server.rs", &["summary.dropped_requests()"]),
    (
        "examples/portal/src/routes.rs",
        &["request.version()", "status", "duration_ms", "code", "suppressed"],
    ),
    ("examples/portal/src/service.rs", &["summary.dropped_requests()"]),
    ("examples/tls-hyper/src/main.rs", &["summary.dropped_requests()"]),
    ("http-guard/src/extract.rs", &["suppressed"]),
    ("http-guard/src/log/mod.rs", &["thread", "location", "backtrace", "suppressed"]),
    ("http-guard/src/log/writer.rs", &["lost - reported", "lost"]),
    ("http-guard/src/serve/connection.rs", &["peer", "expiry"]),
    ("http-guard/src/serve/run.rs", &["requests", "upgrades", "peer", "suppressed"]),
    ("http-guard/src/supervisor.rs", &["task", "panics", "suppressed"]),
    ("http-guard/src/telemetry.rs", &["$crate::telemetry::level::$level", "$($arguments)+"]),
    ("kleidia-tower/src/access_token/last_valid_keys.rs", &["keys"]),
    ("kleidia-tower/src/account/pending_attempt.rs", &["suppressed"]),
    ("kleidia-tower/src/audit/denials.rs", &["denials"]),
    (
        "kleidia-tower/src/audit/sinks.rs",
        &[
            "record.sequence",
            "record.at.as_second()",
            "record.kind.as_str()",
            "record.outcome.as_str()",
            "record.session.map(SessionId::get)",
            "record.client.address.map(tracing::field::display)",
            "record.request.as_ref().map(AuditedRequest::method)",
        ],
    ),
    ("kleidia-tower/src/rate_limit/circuit_breaker.rs", &["suppressed", "duration_ms"]),
    ("kleidia-tower/src/session/last_seen.rs", &["sessions", "suppressed"]),
    ("kleidia-tower/src/session/layer.rs", &["user.get()", "id.get()", "rejection.code()"]),
    ("kleidia-tower/src/store/postgres/feed.rs", &["suppressed"]),
    ("kleidia-tower/src/store/sealer.rs", &["suppressed"]),
    ("kleidia-tower/src/telemetry.rs", &["code", "suppressed", "service"]),
    ("kliento-tower/src/client/exchange/mod.rs", &["delay"]),
    ("kliento-tower/src/client/refresher.rs", &["valid_until", "serving_cached"]),
    (
        "kliento-tower/src/telemetry.rs",
        &[
            "$level",
            "outcome",
            "$code",
            "$rejection.reason()",
            "cache",
            "duration_us",
            "$suppressed",
            "$message",
        ],
    ),
    (
        "kliento/src/bin/kliento/command/serve/api.rs",
        &["outcome", "duration_us", "suppressed", "code"],
    ),
    ("kliento/src/bin/kliento/command/serve/mod.rs", &["summary.dropped_requests()"]),
];
