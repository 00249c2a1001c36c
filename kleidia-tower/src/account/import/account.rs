//! An account of another system, as a store creates it.

use std::sync::Arc;

use crate::account::{Account, NewAccount};
use crate::rbac::RoleChangeError;

/// An account of another system.
#[derive(Clone, Debug)]
pub struct ImportedAccount {
    /// The account, with the hash that the other system made.
    pub new: NewAccount,
    /// Whether it is created disabled.
    pub is_disabled: bool,
}

/// Whether an import creates accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// It creates them.
    #[default]
    Create,
    /// It checks them, and changes nothing. Names that accounts had before they were renamed are not
    /// found.
    Check,
}

/// What became of an [`ImportedAccount`] in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportResult {
    /// It was created; with [`ImportMode::Check`], it would be.
    Created,
    /// An account has the name, the hash and all other values.
    Unchanged,
    /// An account has the name, and other values. Nothing was changed.
    Differs(Arc<Account>),
    /// An account had the name before it was renamed. Nothing was changed.
    UserNameTaken,
    /// The roles violate the rules. Nothing was changed.
    Roles(RoleChangeError),
}
