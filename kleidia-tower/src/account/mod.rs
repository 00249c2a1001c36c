//! Accounts: login, refresh, logout, password changes, and administration.

mod accounts;
mod administration;
mod end_all_sessions;
mod error;
mod login;
mod password_change;
mod password_verification;
mod pending_attempt;
mod record;
mod refresh;
mod sessions;
mod settings;
mod store;
mod unlock;

pub use accounts::{Accounts, TokenSet};
pub use error::AccountError;
pub use login::LoginRequest;
pub use record::{Account, PasswordHash, StoredPassword};
pub use settings::AccountSettings;
pub use store::{
    AccountChangeError, AccountLookup, AccountStore, AccountUpdate, NewAccount, PasswordChange,
};
