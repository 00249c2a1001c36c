//! The verification of token bundles.

use std::sync::LazyLock;
use std::time::Duration;

use veraid::{
    LimitExceeded, Limits, Member, ObjectIdentifier, OrganisationName, Period, SignatureBundle,
    SignatureVerifier, SignerKind, Timestamp, TrustAnchor, Verification,
};

use crate::{Claims, Invalid, Token};

/// The VeraId service to which the signature of every token is bound.
pub const SERVICE: &str = "1.3.6.1.4.1.58708.3.0";

pub(crate) static SERVICE_OID: LazyLock<ObjectIdentifier> =
    LazyLock::new(|| SERVICE.parse().unwrap_or_else(|_| unreachable!("a constant that is valid")));

/// The audiences, the trust anchors and the limits of a verification.
///
/// It reads no clock and does no I/O.
///
/// ```
/// use std::time::Duration;
/// use kliento_core::{TokenVerification, TrustAnchor};
///
/// let trust_anchors = TrustAnchor::iana();
/// let verification = TokenVerification::new(&["https://api.example.com"], &trust_anchors)
///     .with_max_validity(Duration::from_secs(300))
///     .with_min_modulus_bits(3072);
/// ```
#[derive(Clone, Copy)]
pub struct TokenVerification<'a> {
    audiences: &'a [&'a str],
    verification: Verification<'a>,
    limits: Limits,
}

/// A verified token, with its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    organisation: OrganisationName,
    member: Member,
    signer: SignerKind,
    token: Token,
    period: Period,
}

impl<'a> TokenVerification<'a> {
    /// The default maximum validity of a token, from its start to its end.
    pub const DEFAULT_MAX_VALIDITY: Duration = Duration::from_secs(60 * 60);
    /// The maximum clock skew: 5 minutes.
    pub const MAX_CLOCK_SKEW: Duration = Verification::MAX_CLOCK_SKEW;

    /// Creates a verification for the audiences, which are compared octet for octet.
    ///
    /// By default a token may be valid for at most 60 minutes, and RSA keys have at least 2048
    /// bits.
    #[must_use]
    pub fn new(audiences: &'a [&'a str], trust_anchors: &'a [TrustAnchor]) -> Self {
        let limits = Limits::default().with_max_signature_period(Self::DEFAULT_MAX_VALIDITY);
        let verification = Verification::new(&SERVICE_OID, trust_anchors).with_limits(limits);
        Self { audiences, verification, limits }
    }

    /// Sets the maximum validity of a token, from its start to its end.
    #[must_use]
    pub const fn with_max_validity(self, validity: Duration) -> Self {
        self.with_limits(self.limits.with_max_signature_period(validity))
    }

    /// Sets the minimum size of RSA keys in certificates, in bits. The default is 2048.
    ///
    /// Other sizes than 2048, 3072 and 4096 are rejected in any case.
    #[must_use]
    pub const fn with_min_modulus_bits(self, bits: usize) -> Self {
        self.with_limits(self.limits.with_min_modulus_bits(bits))
    }

    /// Sets how far the verifier's clock may be behind the issuer's: 0 to 5 minutes; 0 by default.
    ///
    /// The signature and the certificates are valid that much before they start, and not for longer
    /// at their end. See [`Verification::with_clock_skew`].
    ///
    /// # Errors
    /// [`LimitExceeded`] above [`Self::MAX_CLOCK_SKEW`].
    pub fn with_clock_skew(mut self, skew: Duration) -> Result<Self, LimitExceeded> {
        self.verification = self.verification.with_clock_skew(skew)?;
        Ok(self)
    }

    /// Inspects a bundle, and checks each step whatever the results of the others.
    ///
    /// It covers only the signature: the token is in
    /// [`InspectedSignature::plaintext`](veraid::InspectedSignature::plaintext), and the audiences
    /// are not checked. See [`Verification::inspect`].
    #[cfg(feature = "inspect")]
    #[must_use]
    pub fn inspect<'b>(&self, bundle: &'b [u8], at: Timestamp) -> veraid::Inspection<'b> {
        self.verification.inspect(bundle, at)
    }

    const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.verification = self.verification.with_limits(limits);
        self
    }

    pub(crate) fn verify(
        &self,
        bundle: &SignatureBundle<'_>,
        at: Timestamp,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<VerifiedToken, Invalid> {
        let signature = self.verification.verify_signature_with(bundle, at, verifier)?;
        let token = Token::from_json(signature.plaintext())?;
        if !self.audiences.contains(&token.audience()) {
            let expected = self.audiences.iter().map(ToString::to_string).collect();
            return Err(Invalid::Audience { expected, found: token.audience().to_owned() });
        }
        Ok(VerifiedToken {
            organisation: signature.organisation().clone(),
            member: signature.member().clone(),
            signer: signature.signer(),
            token,
            period: signature.period(),
        })
    }
}

impl VerifiedToken {
    /// Returns the subject id: `user@organisation`, or `organisation` for a bot.
    #[must_use]
    pub fn subject_id(&self) -> String {
        self.member.subject_id(&self.organisation)
    }

    /// Returns the organisation.
    #[must_use]
    pub const fn organisation(&self) -> &OrganisationName {
        &self.organisation
    }

    /// Returns the member of the organisation.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Returns whether the member signed, or the organisation on the member's behalf.
    #[must_use]
    pub const fn signer(&self) -> SignerKind {
        self.signer
    }

    /// Returns the audience of the token: one of the accepted audiences.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.token.audience()
    }

    /// Returns the claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        self.token.claims()
    }

    /// Returns the closed period in which the token is valid.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}
