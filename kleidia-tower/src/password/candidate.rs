//! A password to hash or to compare, in the forms that the algorithms need.

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::normalisation::normalise;

/// A password to hash or to compare.
pub(super) struct Candidate {
    /// The form that Argon2id hashes.
    pub(super) normalised: Zeroizing<String>,
    /// The form that other systems hashed: they do not normalise.
    #[cfg(feature = "imported-hashes")]
    pub(super) typed: Zeroizing<String>,
}

impl Candidate {
    pub(super) fn new(password: &SecretString) -> Self {
        Self {
            normalised: normalise(password),
            #[cfg(feature = "imported-hashes")]
            typed: {
                use secrecy::ExposeSecret as _;
                Zeroizing::new(password.expose_secret().to_owned())
            },
        }
    }
}
