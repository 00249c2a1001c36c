//! The reason for which a requirement is not met.

use super::{Permission, RoleName};

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
    /// The password was not verified recently enough, or the principal has none.
    #[error("step-up authentication required")]
    StepUpRequired,
}
