//! The identity of a workload, as proved by a verified bundle.

use std::fmt;
use std::sync::Arc;

use http_guard::{log_text, log_text_up_to};
use kliento_core::{
    Claims, Member, OrganisationName, Period, SignerKind, Timestamp, UserName, VerifiedToken,
};

use crate::TrustAnchors;

/// The identity of the calling workload, as proved by its token bundle. Cheap to clone.
///
/// The layer puts it into the extensions of every request that it authenticates, and only the
/// layer can create one (except with the feature `testing`). It is valid until
/// [`Self::valid_until`]. The layer ends [streams](crate::KlientoAuthLayer::with_stream_settings)
/// then; a service that keeps another connection open for longer has to run it by
/// [`StreamWatch::run_until_ended`](http_guard::stream::StreamWatch::run_until_ended).
///
/// ```
/// use http::Request;
/// use kliento_tower::WorkloadIdentity;
///
/// fn greet<B>(request: &Request<B>) -> String {
///     match request.extensions().get::<WorkloadIdentity>() {
///         Some(caller) => format!("Hello, {}", caller.subject()),
///         None => "Hello, guest".to_owned(),
///     }
/// }
/// # assert_eq!(greet(&Request::new(())), "Hello, guest");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WorkloadIdentity(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) subject: String,
    pub(crate) organisation: OrganisationName,
    pub(crate) member: Member,
    pub(crate) signer: SignerKind,
    pub(crate) audience: String,
    pub(crate) claims: Claims,
    pub(crate) period: Period,
    /// Those with which the bundle was verified.
    pub(crate) trust_anchors: TrustAnchors,
}

impl WorkloadIdentity {
    pub(crate) fn new(token: &VerifiedToken, trust_anchors: TrustAnchors) -> Self {
        Self::from_inner(Inner {
            subject: token.subject_id(),
            organisation: token.organisation().clone(),
            member: token.member().clone(),
            signer: token.signer(),
            audience: token.audience().to_owned(),
            claims: token.claims().clone(),
            period: token.period(),
            trust_anchors,
        })
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Returns the subject: `user@organisation`, or `organisation` for its bot.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Returns the organisation.
    #[must_use]
    pub fn organisation(&self) -> &OrganisationName {
        &self.0.organisation
    }

    /// Returns the user, or `None` for the organisation's bot.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        self.member().user()
    }

    /// Returns the member of the organisation: a user or the bot.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.0.member
    }

    /// Returns whose key signed the token: the member's, or the organisation's on the member's
    /// behalf.
    #[must_use]
    pub fn signer(&self) -> SignerKind {
        self.0.signer
    }

    /// Returns the audience of the token, which is one of the layer's.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// Returns the claims of the token, which the signer chose and the layer does not check.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// Returns the value of a claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims().get(name).map(String::as_str)
    }

    /// Returns the closed period in which the identity is valid.
    #[must_use]
    pub fn period(&self) -> Period {
        self.0.period
    }

    /// Returns the last instant at which the identity is valid.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.period().end()
    }

    /// Returns the anchors with which the bundle was verified.
    pub(crate) fn trust_anchors(&self) -> &TrustAnchors {
        &self.0.trust_anchors
    }

    /// Returns the address of the identity, which its clones share.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Returns the approximate size in memory, in octets.
    pub(crate) fn memory_size(&self) -> usize {
        // A node of a `BTreeMap` has a capacity of 11 entries, and is at least half full.
        const NODE: usize = 11 * 2 * size_of::<String>() + 16;
        const ALLOCATION: usize = 24;
        let Inner { subject, audience, claims, .. } = &*self.0;
        let text = |length: usize| length + ALLOCATION;
        let texts = claims.iter().map(|(name, value)| text(name.len()) + text(value.len()));
        let claims = texts.sum::<usize>() + claims.len().div_ceil(6) * (NODE + ALLOCATION);
        // The subject contains the names of the organisation and the user.
        let names = 2 * text(subject.len()) + text(audience.len());
        size_of::<Inner>() + ALLOCATION + names + claims
    }
}

/// How an identity was proved does not matter.
impl PartialEq for Inner {
    fn eq(&self, other: &Self) -> bool {
        let Self { subject, organisation, member, signer, audience, claims, period, .. } = self;
        (subject, organisation, member, signer, audience, claims, period)
            == (
                &other.subject,
                &other.organisation,
                &other.member,
                &other.signer,
                &other.audience,
                &other.claims,
                &other.period,
            )
    }
}

impl Eq for Inner {}

struct DebugClaims<'a>(&'a Claims);

impl fmt::Debug for DebugClaims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&log_text_up_to(300, format_args!("{:?}", self.0)))
    }
}

/// Parses `user@organisation`, or `organisation` for its bot.
pub(crate) fn parse_subject(subject: &str) -> Option<(OrganisationName, Member)> {
    let (member, organisation) = match subject.rsplit_once('@') {
        Some((user, organisation)) => (Member::User(user.parse().ok()?), organisation),
        None => (Member::Bot, subject),
    };
    Some((organisation.parse().ok()?, member))
}

/// For logs: long text of the client is cut.
impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadIdentity")
            .field("subject", &log_text(self.subject()))
            .field("signer", &self.signer())
            .field("audience", &self.audience())
            .field("claims", &DebugClaims(self.claims()))
            .field("valid_until", &self.valid_until().to_string())
            .finish()
    }
}
