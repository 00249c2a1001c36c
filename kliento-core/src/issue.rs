//! Signs token bundles (feature `issue`).
//!
//! A token is signed by a member with a member id bundle, or by the organisation on behalf of a
//! member. [`TokenRequest`] does both. [`UnsignedTokenBundle`] accepts signatures by keys that are
//! only accessible asynchronously.

use std::time::Duration;

use veraid::Certificate;
#[cfg(feature = "pkcs11")]
pub use veraid::issue::pkcs11;
pub use veraid::issue::{
    IssueError, KeyError, MemberCertificate, OrganisationCertificate, PublicKey, RsaSigner, Signer,
    SigningError, member_id_bundle, txt_record,
};
use veraid::issue::{SignatureBundleDer, SignatureRequest, Unsigned};
pub use veraid::{Hash, KeyAlgorithm, MalformedBundle, MemberIdBundle, TxtRecord};

use crate::verify::SERVICE_OID;
use crate::{MAX_BUNDLE_OCTETS, Member, Period, Timestamp, Token, TokenBundle, TokenVerification};

/// A token to be signed, and its validity.
///
/// ```
/// use std::time::Duration;
///
/// use kliento_core::issue::{MemberIdBundle, RsaSigner, TokenIssueError, TokenRequest};
/// use kliento_core::{Timestamp, Token, TokenBundle};
///
/// fn sign(
///     member_id: &[u8],
///     key: &RsaSigner,
///     now: Timestamp,
/// ) -> Result<TokenBundle, TokenIssueError> {
///     let token = Token::new("https://api.example.com").with_claim("permission", "read-only");
///     let member_id = MemberIdBundle::from_der(member_id)?;
///     let lifetime = Duration::from_secs(300);
///     TokenRequest::issued_at(&token, now, lifetime).sign_by_member(&member_id, key)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    token: &'a Token,
    issued_at: Timestamp,
    lifetime: Duration,
    backdating: Duration,
    max_validity: Duration,
}

/// A token bundle without its signature.
///
/// It supports keys that are only accessible asynchronously, such as those of a cloud's KMS:
///
/// ```
/// use kliento_core::TokenBundle;
/// use kliento_core::issue::{MemberIdBundle, SigningError, TokenIssueError, TokenRequest};
///
/// # use kliento_core::issue::Hash;
/// # struct Kms;
/// # impl Kms { async fn sign_pss(&self, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(vec![]) } }
/// async fn sign(
///     kms: &Kms,
///     request: TokenRequest<'_>,
///     id: &MemberIdBundle<'_>,
/// ) -> Result<TokenBundle, TokenIssueError> {
///     let unsigned = request.by_member(id, Hash::Sha256)?;
///     let signature = kms.sign_pss(unsigned.to_be_signed()).await;
///     Ok(unsigned.with_signature(&signature.map_err(SigningError::unavailable)?)?)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct UnsignedTokenBundle(Unsigned<SignatureBundleDer>);

/// The error of issuing a token bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenIssueError {
    /// The token would be valid for longer than verifiers accept.
    #[error("token validity too long: {found:?}, maximum {maximum:?}")]
    Validity {
        /// The maximum.
        maximum: Duration,
        /// Its validity, from its start to its end.
        found: Duration,
    },
    /// The bundle would be larger than verifiers accept.
    #[error("bundle too large: {found} octets, maximum {maximum}")]
    Size {
        /// The maximum.
        maximum: usize,
        /// Its size.
        found: usize,
    },
    /// The member id bundle is malformed.
    #[error(transparent)]
    MemberIdBundle(#[from] MalformedBundle),
    /// A part of the bundle is invalid.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The signing operation failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl TokenIssueError {
    /// Returns whether the same request may succeed later, since the signer is unavailable.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Signing(error) if error.is_retryable())
    }
}

impl<'a> TokenRequest<'a> {
    /// The default time by which [`Self::issued_at`] lets tokens start earlier: 30 seconds.
    pub const DEFAULT_BACKDATING: Duration = Duration::from_secs(30);

    /// Creates a request to sign the token for exactly this period, of at most
    /// [`TokenVerification::DEFAULT_MAX_VALIDITY`].
    ///
    /// A token that starts now is rejected by verifiers whose clocks are behind: see
    /// [`Self::issued_at`].
    #[must_use]
    pub fn new(token: &'a Token, period: Period) -> Self {
        Self {
            token,
            issued_at: period.start(),
            lifetime: period.duration(),
            backdating: Duration::ZERO,
            max_validity: TokenVerification::DEFAULT_MAX_VALIDITY,
        }
    }

    /// Creates a request to sign the token now, for a lifetime of at most
    /// [`TokenVerification::DEFAULT_MAX_VALIDITY`].
    ///
    /// The token starts 30 seconds before `now`, which is rounded down to the second, for verifiers
    /// whose clocks are behind. If it would be valid for longer than the maximum from this start,
    /// it ends earlier.
    #[must_use]
    pub fn issued_at(token: &'a Token, now: Timestamp, lifetime: Duration) -> Self {
        Self {
            token,
            issued_at: Timestamp::from_second(now.as_second()).unwrap_or(now),
            lifetime,
            backdating: Self::DEFAULT_BACKDATING,
            max_validity: TokenVerification::DEFAULT_MAX_VALIDITY,
        }
    }

    /// Sets the time by which the token starts earlier: 30 seconds by default for
    /// [`Self::issued_at`], none for [`Self::new`].
    ///
    /// It is shorter than the maximum validity. It is less where the certificates start later.
    #[must_use]
    pub const fn with_backdating(mut self, backdating: Duration) -> Self {
        self.backdating = backdating;
        self
    }

    /// Sets the maximum validity of the token, from its start to its end.
    ///
    /// By default, verifiers reject tokens that are valid for more than 60 minutes.
    #[must_use]
    pub const fn with_max_validity(mut self, validity: Duration) -> Self {
        self.max_validity = validity;
        self
    }

    /// Returns the period of the token, whose start is later if its certificates start later.
    #[must_use]
    pub fn period(&self) -> Period {
        let start = self.issued_at.saturating_sub(self.backdating).unwrap_or(Timestamp::MIN);
        let later =
            |from: Timestamp, duration| from.saturating_add(duration).unwrap_or(Timestamp::MAX);
        let end = later(self.issued_at, self.lifetime).min(later(start, self.max_validity));
        Period::new(start, end).unwrap_or(Period::at(start))
    }

    /// Signs as a member, with the member's key.
    ///
    /// # Errors
    /// As [`Self::by_member`] and [`UnsignedTokenBundle::sign`].
    pub fn sign_by_member(
        &self,
        id: &MemberIdBundle<'_>,
        signer: &dyn Signer,
    ) -> Result<TokenBundle, TokenIssueError> {
        Ok(self.by_member(id, signer.hash())?.sign(signer)?)
    }

    /// Signs as the organisation on behalf of a member, with the organisation's key.
    ///
    /// # Errors
    /// As [`Self::by_organisation`] and [`UnsignedTokenBundle::sign`].
    pub fn sign_by_organisation(
        &self,
        organisation: &OrganisationCertificate,
        dnssec_chain: &[impl AsRef<[u8]>],
        member: &Member,
        signer: &dyn Signer,
    ) -> Result<TokenBundle, TokenIssueError> {
        let unsigned = self.by_organisation(organisation, dnssec_chain, member, signer.hash())?;
        Ok(unsigned.sign(signer)?)
    }

    /// Prepares a signature by a member, whose key is to sign with this hash.
    ///
    /// # Errors
    /// [`TokenIssueError::Validity`], [`TokenIssueError::Size`], and [`TokenIssueError::Issue`] as
    /// [`SignatureRequest::by_member`].
    pub fn by_member(
        &self,
        id: &MemberIdBundle<'_>,
        hash: Hash,
    ) -> Result<UnsignedTokenBundle, TokenIssueError> {
        let certificates = [id.organisation_certificate(), id.member_certificate()];
        let not_before = certificates.map(Certificate::not_before).into_iter().max();
        self.prepare(not_before, |request| request.by_member(id, hash))
    }

    /// Prepares a signature by the organisation, whose key is to sign with this hash, on behalf
    /// of a member.
    ///
    /// # Errors
    /// [`TokenIssueError::Validity`], [`TokenIssueError::Size`], and [`TokenIssueError::Issue`] as
    /// [`SignatureRequest::by_organisation`].
    pub fn by_organisation(
        &self,
        organisation: &OrganisationCertificate,
        dnssec_chain: &[impl AsRef<[u8]>],
        member: &Member,
        hash: Hash,
    ) -> Result<UnsignedTokenBundle, TokenIssueError> {
        self.prepare(Some(organisation.period().start()), |request| {
            request.by_organisation(organisation, dnssec_chain, member, hash)
        })
    }

    fn prepare(
        &self,
        not_before: Option<Timestamp>,
        prepare: impl FnOnce(SignatureRequest<'_>) -> Result<Unsigned<SignatureBundleDer>, IssueError>,
    ) -> Result<UnsignedTokenBundle, TokenIssueError> {
        let (maximum, found) = (self.max_validity, self.lifetime);
        if found > maximum {
            return Err(TokenIssueError::Validity { maximum, found });
        }
        // A token that is backdated by the whole maximum has expired when it is issued.
        if self.backdating >= maximum {
            let found = self.backdating.saturating_add(self.lifetime);
            return Err(TokenIssueError::Validity { maximum, found });
        }
        let (plaintext, period) = (self.token.to_json(), self.period_within(not_before));
        let request = SignatureRequest::new(&SERVICE_OID, plaintext.as_bytes(), period);
        let unsigned = prepare(request)?;
        let (maximum, found) = (MAX_BUNDLE_OCTETS, unsigned.signed_length());
        if found > maximum {
            return Err(TokenIssueError::Size { maximum, found });
        }
        Ok(UnsignedTokenBundle(unsigned))
    }

    /// Returns the period, which is backdated at most to the start of the certificates.
    fn period_within(&self, not_before: Option<Timestamp>) -> Period {
        let period = self.period();
        let start = not_before.map(|not_before| not_before.min(self.issued_at));
        let start = start.map_or(period.start(), |start| start.max(period.start()));
        Period::new(start, period.end()).unwrap_or(period)
    }
}

impl UnsignedTokenBundle {
    /// Returns the octets that the signature must cover, before hashing.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        self.0.to_be_signed()
    }

    /// Returns the required hash of the message and of the mask. The salt has the same length.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.0.hash()
    }

    /// Returns the DER of the `SubjectPublicKeyInfo` of the key that must sign.
    #[must_use]
    pub fn subject_public_key_info(&self) -> &[u8] {
        self.0.subject_public_key_info()
    }

    /// Completes the bundle with a signature (RSASSA-PSS), which is verified first.
    ///
    /// # Errors
    /// As [`Unsigned::with_signature`].
    pub fn with_signature(self, signature: &[u8]) -> Result<TokenBundle, SigningError> {
        self.0.with_signature(signature).map(|bundle| TokenBundle(bundle.into_bytes()))
    }

    /// Completes the bundle with a signature by the signer, which is verified first.
    ///
    /// # Errors
    /// As [`Unsigned::sign`].
    pub fn sign(self, signer: &dyn Signer) -> Result<TokenBundle, SigningError> {
        self.0.sign(signer).map(|bundle| TokenBundle(bundle.into_bytes()))
    }
}
