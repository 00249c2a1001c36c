//! Accounts as stores know them.

use std::collections::BTreeSet;
use std::fmt;

use crate::access_token::UserId;
use crate::rbac::RoleName;
use crate::{UnixTime, UserName};

/// An account: who somebody is, and in which roles. It is disabled, never deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number, which no other account ever has.
    pub id: UserId,
    /// Its name, which no other account ever has.
    pub name: UserName,
    /// In which roles its owner is.
    pub roles: BTreeSet<RoleName>,
    /// Whether its owner is kept out.
    pub is_disabled: bool,
    /// When it was created.
    pub created_at: UnixTime,
    /// When its password was last set.
    pub password_changed_at: UnixTime,
}

/// The passwords of an account, hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPassword {
    /// The one that opens the account.
    pub current: PasswordHash,
    /// Those before it that must not be used again, the newest first.
    pub earlier: Vec<PasswordHash>,
}

/// A hashed password, as a PHC string; it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl Account {
    /// Whether its owner is an admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.contains(&RoleName::admin())
    }
}

impl PasswordHash {
    /// A PHC string as a hasher or a store gave it.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
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
