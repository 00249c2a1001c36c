//! The reason for which a requirement is not met.

use std::time::Duration;

use super::{Permission, RoleName};

/// What a session lacks, and its user can add without a new login (RFC 9470).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepUp {
    /// The user has to present a second factor in this session.
    #[error("second factor required")]
    SecondFactor,
    /// The user was authenticated too long ago.
    #[error("authentication older than {} seconds", .max_age.as_secs())]
    Fresh {
        /// The age that was too large (exclusive).
        max_age: Duration,
    },
}

/// The reason for which a principal does not meet a requirement. Clients do not see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The requirement is empty, so no principal meets it.
    #[error("no requirement")]
    NoRequirement,
    /// The principal does not have the role.
    #[error("missing role {0}")]
    Role(RoleName),
    /// No role of the principal grants the permission.
    #[error("missing permission {0}")]
    Permission(Permission),
    /// The principal meets none of several alternatives.
    #[error("none of the alternatives is met")]
    NoneOf,
    /// A principal assigns a role that grants more than the principal has.
    #[error("role {0} grants more than the principal has")]
    ExcessiveRole(RoleName),
    /// The resource belongs to another principal.
    #[error("not the owner of the resource")]
    NotOwner,
    /// The session has to be authenticated further first.
    #[error(transparent)]
    StepUp(#[from] StepUp),
    /// A requirement of users is not met by a workload, which has no session.
    #[error("the principal has no session")]
    NoSession,
    /// A principal may not remove its own factors as an admin.
    #[error("own factors are not removed this way")]
    OwnFactors,
}
