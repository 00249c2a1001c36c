//! Identities for tests of handlers, without keys and bundles (feature `testing`).
//!
//! Enable the feature in `[dev-dependencies]` only.

use kliento_core::{Claims, Member, OrganisationName, Period, SignerKind, Timestamp};

use crate::identity::{Inner, parse_subject};
use crate::{TrustAnchors, WorkloadIdentity};

/// Creates a [`WorkloadIdentity`] that no bundle proves.
///
/// Insert it into the extensions of a request, as the layer does:
///
/// ```
/// use http::{Request, StatusCode};
/// use kliento_tower::WorkloadIdentity;
/// use kliento_tower::testing::IdentityBuilder;
///
/// /// The handler under test: only `example.com` may read orders.
/// fn orders<B>(request: &Request<B>) -> StatusCode {
///     match request.extensions().get::<WorkloadIdentity>() {
///         Some(caller) if caller.organisation().as_str() == "example.com" => StatusCode::OK,
///         Some(_) => StatusCode::FORBIDDEN,
///         None => StatusCode::UNAUTHORIZED,
///     }
/// }
///
/// for (subject, expected) in
///     [("alice@example.com", StatusCode::OK), ("alice@example.net", StatusCode::FORBIDDEN)]
/// {
///     let caller = IdentityBuilder::new(subject, "https://api.example.com")?
///         .with_claim("permission", "read-only")
///         .build();
///     let mut request = Request::new(());
///     request.extensions_mut().insert(caller);
///     assert_eq!(orders(&request), expected);
/// }
/// # Ok::<(), kliento_tower::testing::InvalidSubject>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdentityBuilder {
    organisation: OrganisationName,
    member: Member,
    signer: SignerKind,
    audience: String,
    claims: Claims,
    period: Period,
}

/// An error from parsing the subject of an [`IdentityBuilder`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid subject {subject:?}, expected user@organisation or organisation")]
#[non_exhaustive]
pub struct InvalidSubject {
    /// The text.
    pub subject: String,
}

impl IdentityBuilder {
    /// Starts with a subject, `user@organisation` or `organisation`, and an audience.
    ///
    /// By default there are no claims, the member's own key signed, and the identity is valid from
    /// 1970 to 2100.
    ///
    /// # Errors
    /// [`InvalidSubject`] if the subject contains an invalid user or organisation name.
    pub fn new(subject: &str, audience: impl Into<String>) -> Result<Self, InvalidSubject> {
        let parts = parse_subject(subject).zip(default_period());
        let ((organisation, member), period) =
            parts.ok_or_else(|| InvalidSubject { subject: subject.to_owned() })?;
        let (signer, audience, claims) = (SignerKind::Member, audience.into(), Claims::new());
        Ok(Self { organisation, member, signer, audience, claims, period })
    }

    /// Adds a claim, or replaces the claim with this name.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Sets whose key signed the token.
    #[must_use]
    pub fn with_signer(mut self, signer: SignerKind) -> Self {
        self.signer = signer;
        self
    }

    /// Sets the period in which the identity is valid.
    #[must_use]
    pub fn with_period(mut self, period: Period) -> Self {
        self.period = period;
        self
    }

    /// Returns the identity.
    #[must_use]
    pub fn build(self) -> WorkloadIdentity {
        let Self { organisation, member, signer, audience, claims, period } = self;
        let subject = member.subject_id(&organisation);
        WorkloadIdentity::from_inner(Inner {
            subject,
            organisation,
            member,
            signer,
            audience,
            claims,
            period,
            trust_anchors: TrustAnchors::new([]),
        })
    }
}

/// `None` only if these constants were invalid.
fn default_period() -> Option<Period> {
    let start = Timestamp::from_second(0).ok()?;
    let end = Timestamp::from_second(4_102_444_800).ok()?;
    Period::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_users_and_bots() {
        for subject in ["alice@example.com", "example.com"] {
            let builder = IdentityBuilder::new(subject, "https://api.example.com").unwrap();
            assert_eq!(builder.build().subject(), subject);
        }
    }

    #[test]
    fn rejects_invalid_subjects() {
        for subject in ["", "alice@", "@example.com", "alice@example..com"] {
            let error = IdentityBuilder::new(subject, "https://api.example.com").unwrap_err();
            assert_eq!(error.subject, subject);
        }
    }
}
