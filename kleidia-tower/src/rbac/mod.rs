//! Role-based access control: roles, permissions, requirements and decisions.

mod authorizer;
mod denial;
mod layer;
mod ownership;
mod permission;
mod permit;
mod permit_check;
mod policy;
mod policy_provider;
mod requirement;
mod role;
mod role_rules;
#[cfg(feature = "kliento")]
mod workload;

pub use denial::{Denial, StepUp};
pub use layer::{RbacGuard, RbacLayer};
pub use ownership::OwnerPathError;
pub use permission::{Permission, PermissionError};
pub use permit::Permit;
pub(crate) use permit_check::PermitCheck;
pub use policy::Policy;
pub use policy_provider::{CachedPolicy, PolicyError, PolicyProvider};
pub use requirement::{AccessContext, Requirement};
pub use role::{RoleName, RoleNameError};
pub use role_rules::{RoleChangeError, RoleRules};
#[cfg(feature = "kliento")]
pub(crate) use workload::RoleSource;
#[cfg(feature = "kliento")]
pub use workload::{WorkloadGuard, WorkloadRules};
