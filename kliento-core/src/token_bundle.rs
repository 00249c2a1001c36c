//! Token bundles.

use veraid::{DirectVerifier, SignatureBundle, SignatureVerifier, Timestamp, VerificationError};

use crate::verify::{TokenVerification, VerifiedToken};
use crate::{Error, Invalid, Malformed, Period, Token, authorization};

/// The maximum size of a bundle, in octets.
pub const MAX_BUNDLE_OCTETS: usize = 16_384;

/// A well-formed token bundle. Its contents are unverified until [`Self::verify`].
///
/// ```
/// use kliento_core::{Timestamp, TokenBundle, TokenVerification, TrustAnchor};
///
/// # fn verify(header: &[u8], now: Timestamp) -> Result<(), kliento_core::Error> {
/// let trust_anchors = TrustAnchor::iana();
/// let verification = TokenVerification::new(&["https://api.example.com"], &trust_anchors);
///
/// let bundle = TokenBundle::from_authorization(header)?;
/// let token = bundle.verify(&verification, now)?;
/// println!("{} until {}", token.subject_id(), token.period().end());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TokenBundle(pub(crate) Vec<u8>);

impl TokenBundle {
    /// Reads a bundle of at most [`MAX_BUNDLE_OCTETS`].
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is larger, or its outer structure, version or organisation
    /// certificate is malformed.
    pub fn from_bytes(bundle: Vec<u8>) -> Result<Self, Error> {
        if bundle.len() > MAX_BUNDLE_OCTETS {
            return Err(Malformed::Size { maximum: MAX_BUNDLE_OCTETS, found: bundle.len() }.into());
        }
        SignatureBundle::from_der(&bundle).map_err(Malformed::Bundle)?;
        Ok(Self(bundle))
    }

    /// Reads the value of an `Authorization` header: `Kliento <base64>`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another scheme, for invalid Base64, and as
    /// [`Self::from_bytes`]. A value longer than that of the largest bundle is not decoded.
    pub fn from_authorization(value: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::from_bytes(authorization::decode(value.as_ref()).map_err(Malformed::Authorization)?)
    }

    /// Returns the bundle's octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bundle's octets.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Returns the value of an `Authorization` header: `Kliento <base64>`, at most 21,856
    /// characters.
    #[must_use]
    pub fn to_authorization(&self) -> String {
        authorization::encode(&self.0)
    }

    /// Returns the period of the signature's metadata, without verifying it.
    ///
    /// For clients that need to know when to replace a bundle. Certificates and the DNSSEC chain
    /// may expire earlier.
    ///
    /// ```
    /// use kliento_core::TokenBundle;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
    /// # let octets = std::fs::read(file)?;
    /// let bundle = TokenBundle::from_bytes(octets)?;
    /// assert_eq!(bundle.claimed_period()?.end().to_string(), "2026-11-22T18:58:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if the signed data or its attributes are malformed, or the period ends
    /// before it starts.
    pub fn claimed_period(&self) -> Result<Period, Error> {
        let bundle = SignatureBundle::from_der(&self.0).map_err(Malformed::Bundle)?;
        let rejected = |error| Invalid::Signature(VerificationError::from(error));
        Ok(bundle.claimed_period().map_err(rejected)?)
    }

    /// Returns the token, without verifying it.
    ///
    /// For clients that need to know the audience of a bundle. A service must use [`Self::verify`].
    ///
    /// ```
    /// use kliento_core::TokenBundle;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
    /// # let octets = std::fs::read(file)?;
    /// let bundle = TokenBundle::from_bytes(octets)?;
    /// assert_eq!(bundle.claimed_token()?.audience(), "https://api.example.com");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if the signed data is malformed or is not a token.
    pub fn claimed_token(&self) -> Result<Token, Error> {
        let bundle = SignatureBundle::from_der(&self.0).map_err(Malformed::Bundle)?;
        let rejected = |error| Invalid::Signature(VerificationError::from(error));
        let plaintext = bundle.claimed_plaintext().map_err(rejected)?;
        Ok(Token::from_json(&plaintext).map_err(Invalid::Token)?)
    }

    /// Verifies the bundle at one instant, for one of the audiences.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the stage that failed, and the expected and the found value.
    pub fn verify(
        &self,
        verification: &TokenVerification<'_>,
        at: Timestamp,
    ) -> Result<VerifiedToken, Error> {
        self.verify_with(verification, at, &mut DirectVerifier)
    }

    /// Verifies the bundle as [`Self::verify`] does, with signatures checked by `verifier`.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_with(
        &self,
        verification: &TokenVerification<'_>,
        at: Timestamp,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<VerifiedToken, Error> {
        let bundle = SignatureBundle::from_der(&self.0).map_err(Malformed::Bundle)?;
        Ok(verification.verify(&bundle, at, verifier)?)
    }
}

/// Omits the octets, which are a credential.
impl std::fmt::Debug for TokenBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenBundle").field("octets", &self.0.len()).finish_non_exhaustive()
    }
}
