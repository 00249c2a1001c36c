//! The bound on the sets of parameters of a store, whose work each login does.

use std::collections::BTreeSet;

use super::{ImportedHash, ImportedHashError};
use crate::account::PasswordHash;

/// The distinct parameters of the hashes of a store, to which imports add.
///
/// Each login does the work of all sets, so that its time does not tell which accounts exist, until
/// no hash has them. Of the sets of bcrypt and PBKDF2, this is less than twice the work of the
/// costliest one. Each set of Argon2id and scrypt costs an evaluation.
///
/// ```
/// use kleidia_tower::password::{ImportedHash, ParameterSets};
///
/// let mut sets = ParameterSets::new(["$argon2id$v=19$m=65536,t=1,p=4".to_owned()]);
/// let hash = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie".parse()?;
/// sets.add(&hash)?;
/// # Ok::<(), kleidia_tower::password::ImportedHashError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ParameterSets(BTreeSet<String>);

impl ParameterSets {
    /// The maximum number of sets.
    pub const MAX: usize = 32;
    /// The maximum number of sets of Argon2id and scrypt, the current one of the service included.
    pub const MAX_MEMORY_HARD: usize = 4;

    /// Creates the sets of a store, from
    /// [`AccountStore::password_parameters`](crate::account::AccountStore::password_parameters).
    #[must_use]
    pub fn new(parameters: impl IntoIterator<Item = String>) -> Self {
        Self(parameters.into_iter().collect())
    }

    /// Adds the parameters of a hash.
    ///
    /// # Errors
    /// [`ImportedHashError::TooManyParameterSets`] if there are no such parameters yet, and too many
    /// others.
    pub fn add(&mut self, hash: &ImportedHash) -> Result<(), ImportedHashError> {
        self.add_parameters(PasswordHash::from(hash.clone()).parameters())
    }

    pub(crate) fn add_parameters(&mut self, parameters: &str) -> Result<(), ImportedHashError> {
        if self.0.contains(parameters) {
            return Ok(());
        }
        let memory_hard = self.0.iter().filter(|set| is_memory_hard(set)).count();
        let (count, max, of) = if is_memory_hard(parameters) {
            (memory_hard, Self::MAX_MEMORY_HARD, "Argon2id and scrypt")
        } else {
            (self.0.len(), Self::MAX, "all algorithms")
        };
        if count >= max {
            return Err(ImportedHashError::TooManyParameterSets { of, max });
        }
        self.0.insert(parameters.to_owned());
        Ok(())
    }
}

fn is_memory_hard(parameters: &str) -> bool {
    parameters.starts_with("$argon2id$") || parameters.starts_with("$scrypt$")
}
