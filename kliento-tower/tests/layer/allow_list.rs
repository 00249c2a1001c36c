//! Which workloads the layer allows.

use http::StatusCode;
use kliento_tower::{AdmissionError, KlientoAuthLayer, Rejection};

use crate::bundle::{authorization, layer, request, send};

type Change = fn(KlientoAuthLayer) -> Result<KlientoAuthLayer, AdmissionError>;

/// The bundle is that of `alice@example.com`.
async fn status(change: Change) -> StatusCode {
    let layer = change(layer()).unwrap();
    let response = send(&layer, request(&[&authorization()])).await;
    let rejection = response.extensions().get::<Rejection>();
    let is_denied = matches!(rejection, Some(Rejection::PermissionDenied(_)));
    assert_eq!(is_denied, response.status() == StatusCode::FORBIDDEN);
    response.status()
}

#[tokio::test]
async fn allows_listed_workloads() {
    let changes: [Change; 6] = [
        |layer| layer.with_allowed_organisations(["example.com"]),
        |layer| layer.with_allowed_organisations(["other.example", "Example.COM."]),
        |layer| layer.with_allowed_organisations(["*.com"]),
        |layer| layer.with_allowed_subjects(["alice@example.com"]),
        |layer| layer.with_allowed_subjects([String::from("alice@EXAMPLE.com")]),
        // The lists are alternatives.
        |layer| {
            layer
                .with_allowed_organisations(["other.example"])?
                .with_allowed_subjects(["bob@example.com"])?
                .with_allowed_organisations(["example.com"])
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert_eq!(status(change).await, StatusCode::OK, "{index}");
    }
}

#[tokio::test]
async fn denies_other_workloads() {
    let changes: [Change; 10] = [
        |layer| layer.with_allowed_organisations(["ample.com"]),
        |layer| layer.with_allowed_organisations(["com"]),
        |layer| layer.with_allowed_organisations(["*.example.com"]),
        |layer| layer.with_allowed_organisations(["*.xample.com", "*.mple.com"]),
        |layer| layer.with_allowed_organisations::<&str>([]),
        // The organisation's bot.
        |layer| layer.with_allowed_subjects(["example.com"]),
        |layer| layer.with_allowed_subjects(["Alice@example.com"]),
        |layer| layer.with_allowed_subjects(["alice@sub.example.com"]),
        |layer| layer.with_allowed_subjects::<&str>([]),
        // The authorizer applies, too.
        |layer| {
            let layer = layer.with_authorizer(|caller| caller.user().is_none());
            layer.with_allowed_organisations(["example.com"])
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert_eq!(status(change).await, StatusCode::FORBIDDEN, "{index}");
    }
}

#[test]
fn rejects_invalid_names() {
    for text in ["", "*.", "*.*.example", "a*.example", "alice@example.com", "exa mple.com"] {
        let error = layer().with_allowed_organisations([text]).unwrap_err();
        assert_eq!(error, AdmissionError::Organisation(text.to_owned()));
    }
    for text in ["", "@example.com", "alice@", "*@example.com.*", "a@b@example.com"] {
        let error = layer().with_allowed_subjects([text]).unwrap_err();
        assert_eq!(error, AdmissionError::Subject(text.to_owned()));
    }
}
