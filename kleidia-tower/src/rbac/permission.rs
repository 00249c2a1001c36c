//! Names of permissions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a permission: a resource and an action, such as `users:read`, each of 1 to 64
/// characters of `a-z`, `0-9`, `_`, `-`, `.`.
///
/// ```
/// use kleidia_tower::rbac::Permission;
///
/// let read: Permission = "reports:read".parse()?;
/// assert_eq!(read.action(), "read");
/// assert!("reports".parse::<Permission>().is_err());
/// # Ok::<(), kleidia_tower::rbac::PermissionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(Arc<str>);

/// An error from parsing a [`Permission`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid permission {0:?}, expected a name such as users:read")]
pub struct PermissionError(String);

impl Permission {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the action: the part after the colon.
    #[must_use]
    pub fn action(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, action)| action)
    }

    pub(crate) fn built_in(name: &'static str) -> Self {
        Self(name.into())
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, PermissionError> {
        match text.split_once(':') {
            Some((resource, action)) if is_valid_part(resource) && is_valid_part(action) => {
                Ok(Self(text.into()))
            }
            _ => Err(PermissionError(text.chars().take(128).collect())),
        }
    }
}

pub(super) fn is_valid_part(text: &str) -> bool {
    let is_allowed =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"_-.".contains(&octet);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
