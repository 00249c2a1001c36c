//! Who may do what: roles, permissions and requirements.

mod denial;
mod role;

pub use denial::Denial;
pub use role::{RoleName, RoleNameError};
