//! Accounts: who people are, and how they get in and out.

mod record;
mod store;

pub use record::{Account, PasswordHash, StoredPassword};
pub use store::{AccountKey, AccountStore, AccountUpdate, NewAccount, PasswordChange};
