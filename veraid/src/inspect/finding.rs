//! What came of one step of an inspection.

/// What came of one step, looked at for itself: whatever came of those that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding<E> {
    /// It is right, and holds at the instant.
    Holds,
    /// It is refused.
    Fails(E),
    /// What it would be checked with is not there.
    #[default]
    Unchecked,
}

impl<E> Finding<E> {
    /// Why the step is refused.
    #[must_use]
    pub const fn error(&self) -> Option<&E> {
        match self {
            Self::Fails(error) => Some(error),
            Self::Holds | Self::Unchecked => None,
        }
    }
}
