//! Who is calling: what a verified bundle proved.

use std::fmt;
use std::sync::Arc;

use kliento::{
    Claims, Member, OrganisationName, Period, SignerKind, Timestamp, UserName, VerifiedToken,
};

/// The workload that is calling, as its token bundle proved it; cheap to clone.
///
/// The layer puts it into the extensions of every request that it accepts. Nobody else can make
/// one. It held when the request was accepted, and holds until [`Self::valid_until`]: a service
/// that keeps a connection open for longer compares that itself.
///
/// ```
/// use http::Request;
/// use kliento_tower::WorkloadIdentity;
///
/// fn greet<B>(request: &Request<B>) -> String {
///     match request.extensions().get::<WorkloadIdentity>() {
///         Some(caller) => format!("Hello, {}", caller.subject()),
///         None => "Hello, whoever you are".to_owned(),
///     }
/// }
/// # assert_eq!(greet(&Request::new(())), "Hello, whoever you are");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WorkloadIdentity(Arc<Proven>);

#[derive(PartialEq, Eq)]
struct Proven {
    subject: String,
    token: VerifiedToken,
}

impl WorkloadIdentity {
    pub(crate) fn new(token: VerifiedToken) -> Self {
        Self(Arc::new(Proven { subject: token.subject_id(), token }))
    }

    /// Who the token speaks for: `user@organisation`, or `organisation` for a bot.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &OrganisationName {
        self.0.token.organisation()
    }

    /// The user, or `None` for the organisation's bot.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        self.member().user()
    }

    /// The member of the organisation: a user or the bot.
    #[must_use]
    pub fn member(&self) -> &Member {
        self.0.token.member()
    }

    /// Whose key signed: the member's, or the organisation's on the member's behalf.
    #[must_use]
    pub fn signer(&self) -> SignerKind {
        self.0.token.signer()
    }

    /// For which of the layer's audiences the token is.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.0.token.audience()
    }

    /// What the token claims: the words of whoever signed, and no more.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        self.0.token.claims()
    }

    /// The value of a claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims().get(name).map(String::as_str)
    }

    /// The closed period in which all of this holds.
    #[must_use]
    pub fn period(&self) -> Period {
        self.0.token.period()
    }

    /// The last instant at which all of this holds.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.period().end()
    }

    /// About how many octets this takes in memory.
    pub(crate) fn octets(&self) -> usize {
        // A node of a `BTreeMap` has place for 11 entries, and is half full at least.
        const NODE: usize = 11 * 2 * size_of::<String>() + 16;
        const ALLOCATION: usize = 24;
        let token = &self.0.token;
        let text = |length: usize| length + ALLOCATION;
        let claims =
            token.claims().iter().map(|(name, value)| text(name.len()) + text(value.len()));
        let claims = claims.sum::<usize>() + token.claims().len().div_ceil(6) * (NODE + ALLOCATION);
        // The subject is made of the names of the organisation and the user.
        let names = 2 * text(self.0.subject.len()) + 2 * text(token.audience().len());
        size_of::<Proven>() + ALLOCATION + names + claims
    }
}

impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadIdentity")
            .field("subject", &self.subject())
            .field("signer", &self.signer())
            .field("audience", &self.audience())
            .field("claims", self.claims())
            .field("valid_until", &self.valid_until().to_string())
            .finish()
    }
}
