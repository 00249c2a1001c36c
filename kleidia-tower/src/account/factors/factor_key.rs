//! The key that encrypts secrets of factors in the store.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::UserId;

/// A key that encrypts the secrets of one-time passwords in the store (AES-256-GCM). Cheap to clone.
///
/// Each secret is bound to its user, so a writer of the store cannot move it to another account.
#[derive(Clone)]
pub struct FactorKey(Arc<RandomizedNonceKey>);

/// An error from reading a [`FactorKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a key of {} octets", FactorKey::OCTETS)]
pub struct FactorKeyError;

const NONCE: usize = 12;

impl FactorKey {
    /// The length of a key.
    pub const OCTETS: usize = 32;

    /// Returns the key with these octets, which must be random.
    ///
    /// # Errors
    /// [`FactorKeyError`] unless there are 32.
    pub fn from_octets(octets: &[u8]) -> Result<Self, FactorKeyError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, octets).map_err(|_| FactorKeyError)?;
        Ok(Self(Arc::new(key)))
    }

    /// Encrypts a secret of a user. Returns the nonce and the ciphertext as text.
    #[cfg_attr(not(any(feature = "totp", test)), expect(dead_code, reason = "of TOTP"))]
    pub(super) fn seal(&self, user: UserId, secret: &[u8]) -> Option<String> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(context(user)), &mut sealed).ok()?;
        let octets = [nonce.as_ref().as_slice(), &sealed].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(octets))
    }

    /// Decrypts a secret; `None` if it is another key's or another user's, or was altered.
    #[cfg_attr(not(any(feature = "totp", test)), expect(dead_code, reason = "of TOTP"))]
    pub(super) fn open(&self, user: UserId, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let octets = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = octets.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(context(user));
        let length = self.0.open_in_place(nonce, aad, &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

fn context(user: UserId) -> Vec<u8> {
    format!("kleidia: the secret of a factor of user {user}").into_bytes()
}

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_key_and_for_its_user() {
        let [key, other] =
            [[1; 32], [2; 32]].map(|octets| FactorKey::from_octets(&octets).unwrap());
        let (alice, bob) = (UserId::new(1), UserId::new(2));
        let sealed = key.seal(alice, b"secret").unwrap();
        assert_eq!(key.open(alice, &sealed).unwrap().as_slice(), b"secret");
        assert_ne!(key.seal(alice, b"secret").unwrap(), sealed, "nonces are random");
        assert!(key.open(bob, &sealed).is_none() && other.open(alice, &sealed).is_none());
        assert!(key.open(alice, &sealed[1..]).is_none() && key.open(alice, "").is_none());
        assert_eq!(FactorKey::from_octets(&[0; 31]).unwrap_err(), FactorKeyError);
    }
}
