//! The result of one check of an inspection.

/// The result of one check by itself, whatever the results of the checks that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckResult<E> {
    /// The step is valid at the instant.
    Valid,
    /// The step is invalid.
    Invalid(E),
    /// The check was not possible, because a part that it needs is missing.
    #[default]
    NotChecked,
}

impl<E> CheckResult<E> {
    /// Returns the error of an invalid step.
    #[must_use]
    pub const fn error(&self) -> Option<&E> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Valid | Self::NotChecked => None,
        }
    }
}
