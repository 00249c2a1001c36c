//! Operations that create and change accounts. Accounts are never deleted.

use std::sync::Arc;

use super::commit_with_events;
use super::sessions::{EventList, end_all};
use crate::UserId;
use crate::account::{
    Account, AccountLookup, AccountUpdate, NewAccount, PasswordChange, StoredPassword,
};
use crate::audit::{EventKind, Reason};
use crate::session::EndReason;
use crate::store::rows::Rows;
use crate::store::{ChangeContext, Committed, StoreError};

pub(crate) async fn create_account(
    rows: &mut dyn Rows,
    new: NewAccount,
    change: &ChangeContext,
) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
    if rows.account(AccountLookup::Name(&new.name)).await?.is_some() {
        return commit_with_events(rows, None, Vec::new()).await;
    }
    let account = rows.insert_account(new, change.at).await?;
    let mut events = EventList::new(&account, change);
    let to = account.roles.iter().cloned().collect();
    events.add(EventKind::UserCreated, Some(Reason::Roles { from: Vec::new(), to }));
    commit_with_events(rows, Some(Arc::new(account)), events.into()).await
}

pub(crate) async fn update_account(
    rows: &mut dyn Rows,
    id: UserId,
    update: AccountUpdate,
    change: &ChangeContext,
) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
    let Some((mut account, _)) = rows.account(AccountLookup::Id(id)).await? else {
        return commit_with_events(rows, None, Vec::new()).await;
    };
    let mut events = EventList::new(&account, change);
    if let Some(roles) = update.roles.filter(|roles| *roles != account.roles) {
        let (from, to) = (account.roles.into_iter().collect(), roles.iter().cloned().collect());
        events.add(EventKind::RoleChanged, Some(Reason::Roles { from, to }));
        account.roles = roles;
    }
    let disabled = update.is_disabled.filter(|disabled| *disabled != account.is_disabled);
    if let Some(is_disabled) = disabled {
        account.is_disabled = is_disabled;
        let kind = if is_disabled { EventKind::UserDisabled } else { EventKind::UserEnabled };
        events.add(kind, None);
    }
    if !events.is_empty() {
        rows.update_account(&account).await?;
    }
    if disabled == Some(true) {
        end_all(rows, id, None, EndReason::Disabled, &mut events).await?;
    }
    commit_with_events(rows, Some(Arc::new(account)), events.into()).await
}

pub(crate) async fn change_password(
    rows: &mut dyn Rows,
    new: PasswordChange,
    change: &ChangeContext,
) -> Result<Committed<bool>, StoreError> {
    let found = rows.account(AccountLookup::Id(new.user)).await?;
    let Some((mut account, password)) =
        found.filter(|(_, password)| password.current == new.expected_hash)
    else {
        return commit_with_events(rows, false, Vec::new()).await;
    };
    account.password_changed_at = change.at;
    rows.update_account(&account).await?;
    rows.update_password(new.user, &rotate_history(password, &new)).await?;
    let mut events = EventList::new(&account, change);
    events.add(EventKind::PasswordChanged, None);
    let (kept, reason) = (new.kept_session, EndReason::PasswordChanged);
    end_all(rows, new.user, kept, reason, &mut events).await?;
    commit_with_events(rows, true, events.into()).await
}

fn rotate_history(password: StoredPassword, new: &PasswordChange) -> StoredPassword {
    let mut previous = password.previous;
    previous.insert(0, password.current);
    previous.truncate(new.history);
    StoredPassword { current: new.new.clone(), previous }
}
