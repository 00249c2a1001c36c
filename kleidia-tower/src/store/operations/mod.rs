//! The operations of a store, implemented once against the rows of a transaction.

mod accounts;
mod audit;
mod detaching;
mod events;
mod factors;
pub(crate) mod failures;
mod imports;
mod key_replacement;
mod names;
mod profiles;
mod recovery;
mod rotation;
mod sealing;
mod sessions;

pub(crate) use accounts::{change_password, create_account, update_account};
pub(crate) use audit::{append, commit_with_events};
pub(crate) use detaching::{Detaching, concurrent_detachment, detach};
pub(crate) use factors::{add_factor, begin_ceremony, remove_factors, take_ceremony, use_factor};
pub(crate) use imports::import_accounts;
pub(crate) use key_replacement::{KeyReplacement, replace_key, replaced_before};
pub(crate) use names::{erase, rename};
pub(crate) use profiles::replace_profile;
pub(crate) use recovery::{issue_recovery_code, recover, require_password_change};
pub(crate) use rotation::rotate;
pub(crate) use sealing::{check_first_use, check_key, check_registered, seal, verify_checkpoint};
pub(crate) use sessions::{end, end_of_users, open, register_agent};
