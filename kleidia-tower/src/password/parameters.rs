//! How much an evaluation of Argon2id costs (RFC 9106, 3.1).

use argon2::Params;

/// How much an evaluation of Argon2id costs: memory, passes and lanes.
///
/// The default is 64 MiB, one pass, four lanes; hashes have 32 octets.
///
/// ```
/// use kleidia_tower::password::Argon2Parameters;
///
/// let parameters = Argon2Parameters::default();
/// assert_eq!(parameters.memory_kib(), 65_536);
/// // The second choice of RFC 9106, 4: the same memory, three passes.
/// let slower = Argon2Parameters::new(65_536, 3, 4)?;
/// # Ok::<(), kleidia_tower::password::ParameterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Parameters {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Parameters that are out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of {found}, which is not between {least} and {most}")]
#[non_exhaustive]
pub struct ParameterError {
    /// What is out of bounds.
    pub what: &'static str,
    /// How much there is of it.
    pub found: u32,
    /// The least that is taken.
    pub least: u32,
    /// The most that is taken.
    pub most: u32,
}

impl Argon2Parameters {
    /// The octets of a hash.
    pub const OUTPUT_OCTETS: usize = 32;
    /// The least memory, in KiB: what OWASP names for a single lane, with more passes.
    pub const LEAST_MEMORY_KIB: u32 = 7 * 1024;
    /// The most memory, in KiB.
    pub const MOST_MEMORY_KIB: u32 = 1024 * 1024;
    /// The most passes.
    pub const MOST_PASSES: u32 = 16;
    /// The most lanes.
    pub const MOST_LANES: u32 = 16;

    /// Parameters within the bounds.
    ///
    /// # Errors
    /// [`ParameterError`], which tells the bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, ParameterError> {
        bounded("memory in KiB", memory_kib, Self::LEAST_MEMORY_KIB, Self::MOST_MEMORY_KIB)?;
        bounded("passes", passes, 1, Self::MOST_PASSES)?;
        bounded("lanes", lanes, 1, Self::MOST_LANES)?;
        Ok(Self { memory_kib, passes, lanes })
    }

    /// The memory of an evaluation, in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// How many times the memory is passed over.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// How many lanes are filled in parallel.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    pub(super) fn to_argon2(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(Self::OUTPUT_OCTETS))
    }
}

impl Default for Argon2Parameters {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 1, lanes: 4 }
    }
}

fn bounded(what: &'static str, found: u32, least: u32, most: u32) -> Result<(), ParameterError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(ParameterError { what, found, least, most })
}
