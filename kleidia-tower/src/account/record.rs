//! Accounts as stores keep them.

use std::collections::BTreeSet;
use std::fmt;

use crate::rbac::RoleName;
use crate::{Timestamp, UserId, UserName};

/// An account: a user with roles. Accounts are disabled, never deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The id, never reused.
    pub id: UserId,
    /// The user name, unique. No other account gets it, also after this one was renamed.
    pub name: UserName,
    /// The roles of the user.
    pub roles: BTreeSet<RoleName>,
    /// Whether login, refresh and active sessions are rejected.
    pub is_disabled: bool,
    /// Whether the user has to change the password before anything else.
    pub must_change_password: bool,
    /// Whether the personal data is erased. Such an account stays disabled, and its name is a digest.
    pub is_erased: bool,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time at which the password was last set.
    pub password_changed_at: Timestamp,
}

/// The hashed passwords of an account.
///
/// An account without a password has the hash of a random secret, so that a login costs the same and
/// fails as with a wrong password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPassword {
    /// The current password.
    pub current: PasswordHash,
    /// Previous passwords that must not be reused, newest first.
    pub previous: Vec<PasswordHash>,
}

/// A hashed password as a PHC string. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl Account {
    /// Returns whether the user has the role `admin`.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.contains(&RoleName::admin())
    }
}

impl PasswordHash {
    /// Wraps a PHC string from a hasher or a store.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// Returns the algorithm and its parameters, the part of the PHC string before the salt.
    #[must_use]
    pub fn parameters(&self) -> &str {
        let salt_and_hash = self.0.rmatch_indices('$').nth(1);
        let end = salt_and_hash.map_or(self.0.len(), |(end, _)| end);
        self.0.get(..end).unwrap_or_default()
    }

    /// Returns the PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}
