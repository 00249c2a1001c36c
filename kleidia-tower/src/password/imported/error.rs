//! Why a hash is not imported.

/// Why a hash is not imported. The text never has a part of the hash, apart from its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportedHashError {
    /// The text is too long.
    #[error("the hash has more than {} octets", super::ImportedHash::MAX_OCTETS)]
    TooLong,
    /// The algorithm or its form is not supported.
    #[error("unsupported form of hash")]
    Unsupported,
    /// A part of the text is not what the algorithm needs.
    #[error("malformed {0} of the hash")]
    Malformed(&'static str),
    /// The cost is out of bounds.
    #[error("{parameter} of the hash is out of bounds: expected {min} to {max}, found {found}")]
    Cost {
        /// The name of the parameter.
        parameter: &'static str,
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
        /// The value in the text.
        found: u64,
    },
    /// The length of the salt or of the output is out of bounds.
    #[error("{part} of the hash has {found} octets, expected {min} to {max}")]
    Length {
        /// The salt or the output.
        part: &'static str,
        /// The minimum.
        min: usize,
        /// The maximum.
        max: usize,
        /// The length in the text.
        found: usize,
    },
    /// The store has too many sets of parameters, of which each login does the work.
    #[error("the store would have more than {max} sets of parameters of {of}")]
    TooManyParameterSets {
        /// The algorithms that are counted together.
        of: &'static str,
        /// The maximum.
        max: usize,
    },
}

impl ImportedHashError {
    /// Returns the stable code for reports.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong | Self::Malformed(_) => "hash_malformed",
            Self::Unsupported => "hash_unsupported",
            Self::Cost { .. } => "hash_cost",
            Self::Length { .. } => "hash_length",
            Self::TooManyParameterSets { .. } => "hash_parameter_sets",
        }
    }

    pub(super) fn check_cost(
        parameter: &'static str,
        found: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Self> {
        let (min, max) = bounds.into_inner();
        if (min..=max).contains(&found) {
            Ok(found)
        } else {
            Err(Self::Cost { parameter, min, max, found })
        }
    }

    pub(super) fn check_length(
        part: &'static str,
        found: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<(), Self> {
        let (min, max) = bounds.into_inner();
        if (min..=max).contains(&found) {
            Ok(())
        } else {
            Err(Self::Length { part, min, max, found })
        }
    }
}
