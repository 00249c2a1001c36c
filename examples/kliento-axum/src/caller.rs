//! The caller as JSON, with the members of `kliento verify --json`.

use kliento::Claims;
use kliento_tower::WorkloadIdentity;
use serde::Serialize;

/// The contents of a verified bundle.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Caller<'a> {
    subject: &'a str,
    organisation: &'a str,
    /// `null` for the organisation's bot.
    user: Option<&'a str>,
    /// `member` or `organisation`.
    signer: String,
    audience: &'a str,
    claims: &'a Claims,
    /// The last instant at which the bundle is valid, in RFC 3339.
    valid_until: String,
}

impl<'a> From<&'a WorkloadIdentity> for Caller<'a> {
    fn from(identity: &'a WorkloadIdentity) -> Self {
        Self {
            subject: identity.subject(),
            organisation: identity.organisation().as_str(),
            user: identity.user().map(AsRef::as_ref),
            signer: identity.signer().to_string(),
            audience: identity.audience(),
            claims: identity.claims(),
            valid_until: identity.valid_until().to_string(),
        }
    }
}
