//! Permissions: their names, and whether they are destructive.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// A permission: its name, and whether it is destructive. The name is a resource and an action,
/// such as `users:read`, each of 1 to 64 characters of `a-z`, `0-9`, `_`, `-`, `.`.
///
/// A destructive permission is granted only to roles that list it: never to a role with
/// [every permission](super::Policy::with_admin_role), and never by an
/// [override](super::RbacLayer::with_overrides). Permissions with the action `delete` are
/// destructive; create others by [`destructive`](Self::destructive).
///
/// Two permissions with the same name are equal. It is enough that the requirement of a route or
/// the policy says that a permission is destructive.
///
/// ```
/// use kleidia_tower::rbac::Permission;
///
/// let read: Permission = "reports:read".parse()?;
/// assert_eq!(read.action(), "read");
/// assert!("reports".parse::<Permission>().is_err());
///
/// let purge = Permission::destructive("reports:purge")?;
/// assert!(purge.is_destructive() && !read.is_destructive());
/// assert!("reports:delete".parse::<Permission>()?.is_destructive());
/// # Ok::<(), kleidia_tower::rbac::PermissionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Permission {
    name: Arc<str>,
    is_destructive: bool,
}

/// An error from parsing a [`Permission`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid permission {0:?}, expected a name such as users:read")]
pub struct PermissionError(String);

impl Permission {
    /// Creates a destructive permission, such as `reports:purge`.
    ///
    /// # Errors
    /// [`PermissionError`] if the name is invalid.
    pub fn destructive(name: &str) -> Result<Self, PermissionError> {
        Ok(Self { is_destructive: true, ..name.parse()? })
    }

    /// Returns whether it is destructive: its action is `delete`, or
    /// [`destructive`](Self::destructive) created it.
    #[must_use]
    pub const fn is_destructive(&self) -> bool {
        self.is_destructive
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the action: the part after the colon.
    #[must_use]
    pub fn action(&self) -> &str {
        self.name.split_once(':').map_or("", |(_, action)| action)
    }

    pub(crate) fn built_in(name: &'static str) -> Self {
        Self::new(name)
    }

    #[cfg(feature = "axum")]
    pub(crate) fn built_in_destructive(name: &'static str) -> Self {
        Self { is_destructive: true, ..Self::new(name) }
    }

    fn new(name: &str) -> Self {
        let is_destructive = name.ends_with(":delete");
        Self { name: name.into(), is_destructive }
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, PermissionError> {
        match text.split_once(':') {
            Some((resource, action)) if is_valid_part(resource) && is_valid_part(action) => {
                Ok(Self::new(text))
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
        f.write_str(&self.name)
    }
}

impl PartialEq for Permission {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Permission {}

impl PartialOrd for Permission {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Permission {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for Permission {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
