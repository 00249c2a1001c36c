//! The work of a login, which does not tell whether the account exists or which hash it has.

use std::collections::BTreeSet;

use argon2::Block;

use super::candidate::Candidate;
use super::evaluation::{ParsedHash, hash_to_phc, parse_parameters};
#[cfg(feature = "imported-hashes")]
use super::imported::ForeignWork;
use super::stored::StoredHash;
use super::{Argon2Parameters, HashingError, PasswordCheck};

/// The evaluations of one login: the same for every hash that has one of the parameters, and for
/// no hash.
pub(super) struct UniformWork {
    stored: Option<StoredHash>,
    current: Argon2Parameters,
    /// What is evaluated besides the stored hash.
    others: BTreeSet<Argon2Parameters>,
    #[cfg(feature = "imported-hashes")]
    foreign: ForeignWork,
}

impl UniformWork {
    /// Plans the work for a stored hash, or for none, in a store that has these parameters.
    pub(super) fn new(
        stored: Option<&str>,
        parameters: &[String],
        current: Argon2Parameters,
    ) -> Result<Self, HashingError> {
        let stored = stored.map(|stored| StoredHash::parse(stored, current)).transpose()?;
        let used = parameters.iter().filter_map(|text| parse_parameters(text).ok());
        let mut others: BTreeSet<Argon2Parameters> = used.chain([current]).collect();
        if let Some(stored) = argon2id(stored.as_ref()) {
            others.remove(&stored.parameters);
        }
        Ok(Self {
            #[cfg(feature = "imported-hashes")]
            foreign: ForeignWork::new(parameters, foreign(stored.as_ref())),
            stored,
            current,
            others,
        })
    }

    /// Returns the number of evaluations.
    pub(super) fn evaluations(&self) -> u64 {
        let count = self.others.len() + usize::from(argon2id(self.stored.as_ref()).is_some());
        #[cfg(feature = "imported-hashes")]
        let count = count + self.foreign.evaluations();
        count as u64
    }

    /// Does the work. Returns whether the password is correct, and a new hash if the stored one
    /// needs to be replaced.
    pub(super) fn run(
        self,
        password: &Candidate,
        salt: &[u8],
        memory: &mut Vec<Block>,
    ) -> Result<(PasswordCheck, Option<String>), HashingError> {
        let check = match argon2id(self.stored.as_ref()) {
            Some(stored) => stored.verify(&password.normalised, memory)?,
            None => PasswordCheck::Mismatch,
        };
        #[cfg(feature = "imported-hashes")]
        let check = if self.foreign.run(password, foreign(self.stored.as_ref()))? {
            PasswordCheck::Match { needs_rehash: true }
        } else {
            check
        };
        let needs_rehash = check == PasswordCheck::Match { needs_rehash: true };
        let mut rehashed = None;
        for parameters in self.others {
            let hash = hash_to_phc(&password.normalised, salt, parameters, memory)?;
            rehashed = rehashed.or((needs_rehash && parameters == self.current).then_some(hash));
        }
        if needs_rehash && rehashed.is_none() {
            // The same parameters, with an output of another length.
            rehashed = Some(hash_to_phc(&password.normalised, salt, self.current, memory)?);
        }
        Ok((check, rehashed))
    }
}

fn argon2id(stored: Option<&StoredHash>) -> Option<&ParsedHash> {
    match stored {
        Some(StoredHash::Argon2id(hash)) => Some(hash),
        _ => None,
    }
}

#[cfg(feature = "imported-hashes")]
fn foreign(stored: Option<&StoredHash>) -> Option<&super::imported::ForeignHash> {
    match stored {
        Some(StoredHash::Foreign(hash)) => Some(hash),
        _ => None,
    }
}
