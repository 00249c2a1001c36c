//! The cost of an Argon2id evaluation (RFC 9106, 3.1).

use argon2::Params;

use crate::SettingError;

/// The cost of an Argon2id evaluation: memory, passes and lanes.
///
/// The defaults are 64 MiB, one pass and four lanes. Hashes have 32 octets.
///
/// ```
/// use kleidia_tower::password::Argon2Parameters;
///
/// assert_eq!(Argon2Parameters::default().memory_kib(), 65_536);
/// // The second recommendation of RFC 9106, 4: three passes over the same memory.
/// let slower = Argon2Parameters::default().with_passes(3)?;
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Argon2Parameters {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2Parameters {
    /// The lowest cost: 7 MiB, one pass, one lane. It is meant for tests.
    pub const MINIMUM: Self = Self { memory_kib: Self::MIN_MEMORY_KIB, passes: 1, lanes: 1 };
    /// The length of a hash in octets.
    pub const OUTPUT_OCTETS: usize = 32;
    /// The minimum memory in KiB: the lowest that OWASP recommends, with five passes.
    pub const MIN_MEMORY_KIB: u32 = 7 * 1024;
    /// The maximum memory in KiB.
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// The maximum number of passes.
    pub const MAX_PASSES: u32 = 16;
    /// The maximum number of lanes.
    pub const MAX_LANES: u32 = 16;

    /// Sets the memory of an evaluation, in KiB: 7,168 to 1,048,576; 65,536 by default.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_memory_kib(self, memory_kib: u32) -> Result<Self, SettingError> {
        let bounds = Self::MIN_MEMORY_KIB..=Self::MAX_MEMORY_KIB;
        SettingError::check("memory in KiB", memory_kib, bounds)?;
        Ok(Self { memory_kib, ..self })
    }

    /// Sets the number of passes over the memory: 1 to 16; 1 by default.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_passes(self, passes: u32) -> Result<Self, SettingError> {
        SettingError::check("passes", passes, 1..=Self::MAX_PASSES)?;
        Ok(Self { passes, ..self })
    }

    /// Sets the number of lanes, which are filled in parallel: 1 to 16; 4 by default.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_lanes(self, lanes: u32) -> Result<Self, SettingError> {
        SettingError::check("lanes", lanes, 1..=Self::MAX_LANES)?;
        Ok(Self { lanes, ..self })
    }

    /// Returns the memory of an evaluation, in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Returns the number of passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Returns the number of lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    pub(super) fn from_argon2(params: &Params) -> Result<Self, SettingError> {
        Self::default()
            .with_memory_kib(params.m_cost())?
            .with_passes(params.t_cost())?
            .with_lanes(params.p_cost())
    }

    pub(super) fn to_argon2(self, output_octets: usize) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(output_octets))
    }
}

impl Default for Argon2Parameters {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 1, lanes: 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_values_out_of_range() {
        let default = Argon2Parameters::default();
        for (parameters, setting) in [
            (default.with_memory_kib(7 * 1024 - 1), "memory in KiB"),
            (default.with_memory_kib(1024 * 1024 + 1), "memory in KiB"),
            (default.with_passes(0), "passes"),
            (default.with_passes(17), "passes"),
            (default.with_lanes(0), "lanes"),
            (default.with_lanes(17), "lanes"),
        ] {
            assert_eq!(parameters.unwrap_err().setting(), setting);
        }
        let error = default.with_passes(17).unwrap_err();
        assert_eq!(error.to_string(), "passes is out of bounds: expected 1 to 16, found 17");
        let minimum = default.with_memory_kib(7 * 1024).unwrap().with_lanes(1).unwrap();
        assert_eq!(minimum, Argon2Parameters::MINIMUM);
    }
}
