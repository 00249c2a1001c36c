//! Errors of rules.

use crate::SettingError;

/// An invalid rule of an [`Admission`](crate::Admission) or of a
/// [`KlientoAuthLayer`](crate::KlientoAuthLayer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// The text is not an organisation.
    #[error("invalid organisation {0:?}, expected example.com, *.example.com or *")]
    Organisation(String),
    /// The text is not a subject.
    #[error("invalid subject {0:?}, expected user@example.com, or example.com for its bot")]
    Subject(String),
    /// A number of a quota is out of bounds.
    #[error(transparent)]
    Setting(#[from] SettingError),
}
