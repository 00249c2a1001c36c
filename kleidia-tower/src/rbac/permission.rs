//! Names of permissions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a permission: an area and an action, such as `users:read`, each of 1 to 64 of
/// `a-z`, `0-9`, `_`, `-`, `.`.
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

/// A text is no name of a permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a permission, such as users:read")]
pub struct PermissionError(String);

impl Permission {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it permits to do.
    #[must_use]
    pub fn action(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, action)| action)
    }

    pub(crate) fn of_ours(name: &'static str) -> Self {
        Self(name.into())
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, PermissionError> {
        match text.split_once(':') {
            Some((area, action)) if is_word(area) && is_word(action) => Ok(Self(text.into())),
            _ => Err(PermissionError(text.chars().take(128).collect())),
        }
    }
}

pub(super) fn is_word(text: &str) -> bool {
    let is_of_it =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"_-.".contains(&octet);
    (1..=64).contains(&text.len()) && text.bytes().all(is_of_it)
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
