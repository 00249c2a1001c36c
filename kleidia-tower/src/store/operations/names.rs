//! Operations on the names of accounts: renaming, and the erasure of personal data.

use std::fmt::Write as _;
use std::sync::Arc;

use super::accounts::AccountChange;
use super::commit_with_events;
use super::sessions::EventList;
use crate::account::{Account, AccountChangeError, PasswordHash, Profile, StoredPassword};
use crate::audit::{EventKind, Reason};
use crate::store::rows::{Rows, name_digest};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{UserId, UserName};

pub(crate) async fn rename(
    rows: &mut dyn Rows,
    user: UserId,
    name: &UserName,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    rows.lock_administration().await?;
    let account = match find(rows, user).await? {
        Ok(account) if account.is_erased => Err(AccountChangeError::UserErased),
        found => found,
    };
    let account = match account {
        Ok(account) => account,
        Err(error) => return commit_with_events(rows, Err(error), Vec::new()).await,
    };
    if account.name == *name {
        return commit_with_events(rows, Ok(Arc::new(account)), Vec::new()).await;
    }
    if !rows.rename_account(user, name).await? {
        return commit_with_events(rows, Err(AccountChangeError::UserNameTaken), Vec::new()).await;
    }
    // The locks of the login and its familiar clients stay with the account.
    rows.lock_failures(&account.name).await?;
    rows.lock_failures(name).await?;
    rows.move_failures(&account.name, name).await?;
    let mut events = EventList::new(&account, change);
    events.add(EventKind::UserRenamed, Some(Reason::Renamed(name.clone())));
    let account = Account { name: name.clone(), ..account };
    commit_with_events(rows, Ok(Arc::new(account)), events.into()).await
}

/// Erases the personal data of a disabled account. `unusable` is the hash of a random secret.
pub(crate) async fn erase(
    rows: &mut dyn Rows,
    user: UserId,
    unusable: &PasswordHash,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    rows.lock_administration().await?;
    let account = match find(rows, user).await? {
        Ok(account) if !account.is_disabled => Err(AccountChangeError::UserEnabled),
        found => found,
    };
    let account = match account {
        Ok(account) => account,
        Err(error) => return commit_with_events(rows, Err(error), Vec::new()).await,
    };
    if account.is_erased {
        return commit_with_events(rows, Ok(Arc::new(account)), Vec::new()).await;
    }
    let name = erased_name(&account)?;
    if !rows.rename_account(user, &name).await? {
        return commit_with_events(rows, Err(AccountChangeError::UserNameTaken), Vec::new()).await;
    }
    rows.put_profile(user, &Profile::default()).await?;
    rows.delete_factors(user).await?;
    rows.delete_codes(user, None).await?;
    let password = StoredPassword { current: unusable.clone(), previous: Vec::new() };
    rows.set_password(user, &password, Some(change.at)).await?;
    rows.set_erased(user).await?;
    rows.lock_failures(&account.name).await?;
    rows.delete_failures(&account.name).await?;
    let erased =
        Account { name, is_erased: true, password_changed_at: change.at, ..account.clone() };
    // The log has the former name already. This record has the new one.
    let mut events = EventList::new(&erased, change);
    events.add(EventKind::UserErased, None);
    commit_with_events(rows, Ok(Arc::new(erased)), events.into()).await
}

async fn find(
    rows: &mut dyn Rows,
    user: UserId,
) -> Result<Result<Account, AccountChangeError>, StoreError> {
    let found = rows.lock_account(user).await?;
    Ok(found.map(|(account, _)| account).ok_or(AccountChangeError::UserNotFound))
}

/// Returns a name with the digest of the former one, by which a claim about that can be checked.
fn erased_name(account: &Account) -> Result<UserName, StoreError> {
    let mut name = format!("erased-{}-", account.id);
    for octet in name_digest(&account.name) {
        // Writing to a string does not fail.
        _ = write!(name, "{octet:02x}");
    }
    name.parse().map_err(|_| StoreError::Corrupt("name of an erased account"))
}
