//! Accounts: who people are, and how they get in and out.

mod accounts;
mod administration;
mod log_in;
mod password_change;
mod proof;
mod record;
mod refresh;
mod sessions;
mod settings;
mod store;

pub use accounts::{Accounts, LoggedIn};
pub use log_in::LogIn;
pub use record::{Account, PasswordHash, StoredPassword};
pub use settings::AccountSettings;
pub use store::{AccountKey, AccountStore, AccountUpdate, NewAccount, PasswordChange};
