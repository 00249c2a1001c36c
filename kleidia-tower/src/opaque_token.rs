//! Opaque tokens: 256 random bits. Stores keep only their digests.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// A random token, such as a refresh token. It is a credential.
#[derive(Clone)]
pub(crate) struct OpaqueToken(Zeroizing<[u8; OpaqueToken::OCTETS]>);

/// The SHA-256 digest of an opaque token, which a store keeps instead of the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest(pub [u8; 32]);

/// The successor of a consumed refresh token, encrypted under a key that is derived from the
/// consumed token.
///
/// Only the holder of the consumed token can unwrap it. A token has at most one successor, so the
/// one-time pad that is derived from it is used once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedToken(pub [u8; OpaqueToken::OCTETS]);

impl OpaqueToken {
    pub(crate) const OCTETS: usize = 32;

    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut octets = Zeroizing::new([0; Self::OCTETS]);
        getrandom::fill(&mut *octets)?;
        Ok(Self(octets))
    }

    /// Parses a token; `None` if the text is not the canonical form (43 characters of Base64url).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut octets = Zeroizing::new([0; Self::OCTETS + 1]);
        // One octet more than needed, since the decoder rounds up the length that it requires.
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut *octets).ok()?;
        let token = octets.get(..length)?.try_into().ok()?;
        Some(Self(Zeroizing::new(token)))
    }

    pub(crate) fn to_text(&self) -> SecretString {
        BASE64_URL_SAFE_NO_PAD.encode(*self.0).into()
    }

    pub(crate) fn digest(&self) -> TokenDigest {
        let mut octets = [0; 32];
        octets.copy_from_slice(digest::digest(&digest::SHA256, &*self.0).as_ref());
        TokenDigest(octets)
    }

    /// Encrypts the successor under this token.
    pub(crate) fn wrap(&self, successor: &Self) -> WrappedToken {
        WrappedToken(*self.xor_with_pad(&successor.0))
    }

    /// Decrypts the successor; `None` if it does not have this digest.
    pub(crate) fn unwrap(&self, wrapped: &WrappedToken, digest: &TokenDigest) -> Option<Self> {
        let successor = Self(self.xor_with_pad(&wrapped.0));
        (successor.digest() == *digest).then_some(successor)
    }

    /// Derives the session token of a session that a refresh opens from its new refresh token, so
    /// that a retry of the refresh returns the same one.
    pub(crate) fn derive_session_token(&self) -> Self {
        Self(self.derive(b"kleidia: the session token of this refresh token"))
    }

    fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; Self::OCTETS]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.0);
        let mut derived = Zeroizing::new([0; Self::OCTETS]);
        derived.copy_from_slice(hmac::sign(&key, purpose).as_ref());
        derived
    }

    fn xor_with_pad(&self, octets: &[u8; Self::OCTETS]) -> Zeroizing<[u8; Self::OCTETS]> {
        let pad = self.derive(b"kleidia: the successor of this refresh token");
        let mut output = Zeroizing::new(*octets);
        output.iter_mut().zip(pad.iter()).for_each(|(octet, pad)| *octet ^= pad);
        output
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

impl fmt::Debug for WrappedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedToken")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn parses_only_the_canonical_text() {
        let token = OpaqueToken::generate().unwrap();
        let text = token.to_text();
        let text = text.expose_secret();
        assert_eq!(text.len(), 43);
        assert_eq!(OpaqueToken::parse(text).unwrap().digest(), token.digest());
        for other in [&text[1..], "", &format!("{text}="), &format!("{text}A"), &text.repeat(2)] {
            assert!(OpaqueToken::parse(other).is_none(), "{} characters", other.len());
        }
    }

    #[test]
    fn only_the_consumed_token_unwraps_its_successor() {
        let [token, successor, other] = [(); 3].map(|()| OpaqueToken::generate().unwrap());
        let (wrapped, digest) = (token.wrap(&successor), successor.digest());
        assert_eq!(token.unwrap(&wrapped, &digest).unwrap().digest(), digest);
        assert!(other.unwrap(&wrapped, &digest).is_none());
        assert_ne!(wrapped.0, *successor.0);
    }
}
