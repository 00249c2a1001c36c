//! Names of roles.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::permission::is_valid_part;

/// The name of a role: 1 to 64 characters of `a-z`, `0-9`, `_`, `-`, `.`.
///
/// ```
/// use kleidia_tower::rbac::RoleName;
///
/// let auditor: RoleName = "auditor".parse()?;
/// assert_ne!(auditor, RoleName::admin());
/// # Ok::<(), kleidia_tower::rbac::RoleNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(Arc<str>);

/// An error from parsing a [`RoleName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid role name {0:?}, expected 1 to 64 characters of a-z, 0-9, _, -, .")]
pub struct RoleNameError(String);

impl RoleName {
    /// Returns `admin`, which the default policy grants every permission that is not destructive.
    #[must_use]
    pub fn admin() -> Self {
        Self("admin".into())
    }

    /// Returns `user`, which the default policy grants no permission.
    #[must_use]
    pub fn user() -> Self {
        Self("user".into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<Self, RoleNameError> {
        if is_valid_part(text) {
            return Ok(Self(text.into()));
        }
        Err(RoleNameError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
