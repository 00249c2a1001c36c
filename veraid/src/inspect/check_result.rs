//! What came of one step of an inspection.

/// What came of one step, looked at for itself: whatever came of those that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckResult<E> {
    /// It is right, and holds at the instant.
    Valid,
    /// It is refused.
    Invalid(E),
    /// What it would be checked with is not there.
    #[default]
    NotChecked,
}

impl<E> CheckResult<E> {
    /// Why the step is refused.
    #[must_use]
    pub const fn error(&self) -> Option<&E> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Valid | Self::NotChecked => None,
        }
    }
}
