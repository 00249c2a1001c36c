//! Keys in an HSM.

use std::convert::Infallible;
use std::str::FromStr;

use kliento::issue::KeyAlgorithm;
#[cfg(feature = "pkcs11")]
use kliento::issue::pkcs11::{Pkcs11Signer, Pkcs11Uri};

use crate::failure::Failure;
use crate::key_source::SigningKey;

/// The text of a PKCS #11 URI.
///
/// It is parsed when the key is opened: errors of arguments quote them, and this one could have a PIN
/// that is rejected.
#[derive(Clone)]
pub(crate) struct TokenKey(String);

impl FromStr for TokenKey {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey").finish_non_exhaustive()
    }
}

#[cfg(feature = "pkcs11")]
impl TokenKey {
    /// Returns the key's attributes in the URI, without paths.
    pub(crate) fn name(&self) -> String {
        self.uri().map_or_else(|_| "the key".to_owned(), |uri| uri.to_string())
    }

    pub(crate) fn open(&self) -> Result<SigningKey, Failure> {
        let signer = Pkcs11Signer::open(&self.uri()?).map_err(Box::new)?;
        Ok(Box::new(signer))
    }

    pub(crate) fn generate(&self, algorithm: KeyAlgorithm) -> Result<(), Failure> {
        Pkcs11Signer::generate(&self.uri()?, algorithm).map_err(Box::new)?;
        Ok(())
    }

    fn uri(&self) -> Result<Pkcs11Uri, Failure> {
        self.0.parse().map_err(Failure::Pkcs11Uri)
    }
}

#[cfg(not(feature = "pkcs11"))]
impl TokenKey {
    pub(crate) fn name(&self) -> String {
        let _ = &self.0;
        "the key".to_owned()
    }

    pub(crate) fn open(&self) -> Result<SigningKey, Failure> {
        let _ = &self.0;
        Err(Failure::NoPkcs11)
    }

    pub(crate) fn generate(&self, _: KeyAlgorithm) -> Result<(), Failure> {
        let _ = &self.0;
        Err(Failure::NoPkcs11)
    }
}
