//! A stored hash of any algorithm that can be verified.

use argon2::Block;

use super::candidate::Candidate;
use super::evaluation::ParsedHash;
#[cfg(feature = "imported-hashes")]
use super::imported::ForeignHash;
use super::{Argon2Parameters, HashingError, PasswordCheck};

#[cfg(feature = "imported-hashes")]
const INVALID_IMPORT: &str = "malformed imported hash, or its parameters are out of range";

/// A stored hash, parsed from its PHC string.
pub(super) enum StoredHash {
    Argon2id(ParsedHash),
    /// The hash of another system, which the next login replaces.
    #[cfg(feature = "imported-hashes")]
    Foreign(ForeignHash),
}

impl StoredHash {
    pub(super) fn parse(text: &str, current: Argon2Parameters) -> Result<Self, HashingError> {
        #[cfg(feature = "imported-hashes")]
        if ForeignHash::has_prefix(text) {
            let hash = ForeignHash::from_phc(text);
            return hash.map(Self::Foreign).map_err(|_| HashingError::InvalidHash(INVALID_IMPORT));
        }
        ParsedHash::parse(text, current).map(Self::Argon2id)
    }

    pub(super) fn verify(
        &self,
        password: &Candidate,
        memory: &mut Vec<Block>,
    ) -> Result<PasswordCheck, HashingError> {
        match self {
            Self::Argon2id(hash) => hash.verify(&password.normalised, memory),
            #[cfg(feature = "imported-hashes")]
            Self::Foreign(hash) => {
                let is_match = hash.matches(password)?;
                let outdated = PasswordCheck::Match { needs_rehash: true };
                Ok(if is_match { outdated } else { PasswordCheck::Mismatch })
            }
        }
    }
}
