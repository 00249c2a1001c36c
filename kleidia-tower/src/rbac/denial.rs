//! Why a principal may not do something.

use super::{Permission, RoleName};

/// Why a principal may not do something. Clients are told nothing of it but that it is so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The route has no requirement, so nobody may.
    #[error("nothing is permitted here")]
    NoRequirement,
    /// A role is missing.
    #[error("role {0} is missing")]
    Role(RoleName),
    /// A permission is missing.
    #[error("permission {0} is missing")]
    Permission(Permission),
    /// None of several requirements is met.
    #[error("none of the alternatives is met")]
    NoAlternative,
    /// It is somebody else's.
    #[error("the resource is somebody else's")]
    NotOwner,
    /// The password was given too long ago, or never.
    #[error("the password was given too long ago")]
    StepUp,
}
