//! The work of a login in a store that has hashes of other systems.

use std::collections::BTreeSet;

use super::cost::{Cost, Digest};
use super::foreign_hash::{ForeignHash, evaluate};
use crate::password::HashingError;
use crate::password::candidate::Candidate;

/// The evaluations of one login, apart from Argon2: the same ones in the same order, whichever hash
/// is compared.
///
/// Of bcrypt, each cost is evaluated: together they cost less than twice the highest. Of PBKDF2,
/// systems raise the iterations often, so a hash is evaluated, and then the iterations that it has
/// fewer than the highest. So the work does not grow with the number of sets. Each set of scrypt is
/// evaluated; [`ParameterSets`](super::ParameterSets) bounds their number.
pub(in crate::password) struct ForeignWork {
    /// bcrypt and scrypt.
    costs: BTreeSet<Cost>,
    sha256: Option<u32>,
    sha512: Option<u32>,
}

impl ForeignWork {
    /// Plans the work of a store that has these parameters, and of a stored hash, which can be more
    /// recent than they are.
    pub(in crate::password) fn new(parameters: &[String], stored: Option<&ForeignHash>) -> Self {
        let used = parameters.iter().filter_map(|text| Cost::from_phc(text).ok());
        let mut work = Self { costs: BTreeSet::new(), sha256: None, sha512: None };
        for cost in used.chain(stored.map(|stored| stored.cost)) {
            match cost {
                Cost::Bcrypt { .. } | Cost::Scrypt(_) => drop(work.costs.insert(cost)),
                Cost::Pbkdf2 { digest: Digest::Sha256, iterations } => {
                    work.sha256 = work.sha256.max(Some(iterations));
                }
                Cost::Pbkdf2 { digest: Digest::Sha512, iterations } => {
                    work.sha512 = work.sha512.max(Some(iterations));
                }
            }
        }
        work
    }

    /// Returns the number of evaluations.
    pub(in crate::password) fn evaluations(&self) -> usize {
        let pbkdf2 = usize::from(self.sha256.is_some()) + usize::from(self.sha512.is_some());
        self.costs.len() + 2 * pbkdf2
    }

    /// Does the work. Returns whether the password matches the stored hash, `false` for none.
    pub(in crate::password) fn run(
        &self,
        password: &Candidate,
        stored: Option<&ForeignHash>,
    ) -> Result<bool, HashingError> {
        let mut is_match = false;
        for cost in &self.costs {
            match stored {
                Some(stored) if stored.cost == *cost => is_match = stored.matches(password)?,
                _ => evaluate(*cost, password)?,
            }
        }
        for (digest, max) in [(Digest::Sha256, self.sha256), (Digest::Sha512, self.sha512)] {
            if let Some(max) = max {
                is_match |= run_pbkdf2(digest, max, password, stored)?;
            }
        }
        Ok(is_match)
    }
}

/// Does one iteration more than the maximum, in two evaluations.
fn run_pbkdf2(
    digest: Digest,
    max: u32,
    password: &Candidate,
    stored: Option<&ForeignHash>,
) -> Result<bool, HashingError> {
    let iterations = |cost| match cost {
        Cost::Pbkdf2 { digest: found, iterations } if found == digest => Some(iterations),
        _ => None,
    };
    let compared = stored.and_then(|stored| Some((stored, iterations(stored.cost)?)));
    let (is_match, done) = if let Some((stored, iterations)) = compared {
        (stored.matches(password)?, iterations)
    } else {
        evaluate(Cost::Pbkdf2 { digest, iterations: max }, password)?;
        (false, max)
    };
    let iterations = max.saturating_sub(done).saturating_add(1);
    evaluate(Cost::Pbkdf2 { digest, iterations }, password)?;
    Ok(is_match)
}
