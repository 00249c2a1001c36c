//! Operations that create and change accounts. Accounts are never deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commit_with_events;
use super::sessions::{EventList, end_all};
use crate::UserId;
use crate::account::{
    Account, AccountChangeError, AccountLookup, AccountUpdate, CodePurpose, NewAccount,
    OneTimeCode, PasswordChange, PasswordHash, Profile, StoredPassword,
};
use crate::audit::{EventKind, Reason};
use crate::rbac::{RoleChangeError, RoleName, RoleRules};
use crate::session::EndReason;
use crate::store::rows::Rows;
use crate::store::{ChangeContext, Committed, StoreError};

/// The account after a change, or the reason why it is not changed.
pub(super) type AccountChange = Result<Arc<Account>, AccountChangeError>;

pub(crate) async fn create_account(
    rows: &mut dyn Rows,
    new: &NewAccount,
    rules: &RoleRules,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    if rules.assigner().is_some() {
        rows.lock_administration().await?;
    }
    let assigner = assigner(rows, rules).await?;
    if let Err(error) = rules.check_roles(assigner.as_ref(), None, &new.roles) {
        return commit_with_events(rows, Err(error.into()), Vec::new()).await;
    }
    let Some(account) = rows.insert_account(new, change.at).await? else {
        return commit_with_events(rows, Err(AccountChangeError::UserNameTaken), Vec::new()).await;
    };
    if new.profile != Profile::default() {
        rows.put_profile(account.id, &new.profile).await?;
    }
    let mut events = EventList::new(&account, change);
    let to = account.roles.iter().cloned().collect();
    events.add(EventKind::UserCreated, Some(Reason::Roles { from: Vec::new(), to }));
    if let Some(code) = &new.code {
        rows.insert_code(&OneTimeCode { user: Some(account.id), ..code.clone() }).await?;
        events.add(EventKind::RecoveryIssued, None);
    }
    commit_with_events(rows, Ok(Arc::new(account)), events.into()).await
}

pub(crate) async fn update_account(
    rows: &mut dyn Rows,
    id: UserId,
    update: &AccountUpdate,
    rules: &RoleRules,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    rows.lock_administration().await?;
    let Some((before, _)) = rows.lock_account(id).await? else {
        return commit_with_events(rows, Err(AccountChangeError::UserNotFound), Vec::new()).await;
    };
    let account = update.apply_to(&before);
    if account.is_erased && !account.is_disabled {
        return commit_with_events(rows, Err(AccountChangeError::UserErased), Vec::new()).await;
    }
    if let Err(error) = check_update(rows, rules, &before, &account).await? {
        return commit_with_events(rows, Err(error.into()), Vec::new()).await;
    }
    let mut events = EventList::new(&account, change);
    if account.roles != before.roles {
        let names = |roles: &BTreeSet<RoleName>| roles.iter().cloned().collect();
        let (from, to) = (names(&before.roles), names(&account.roles));
        events.add(EventKind::RoleChanged, Some(Reason::Roles { from, to }));
        rows.set_roles(id, &account.roles).await?;
    }
    if account.is_disabled != before.is_disabled {
        rows.set_disabled(id, account.is_disabled).await?;
        if account.is_disabled {
            events.add(EventKind::UserDisabled, None);
            rows.delete_codes(id, None).await?;
            end_all(rows, id, None, EndReason::Disabled, &mut events).await?;
        } else {
            events.add(EventKind::UserEnabled, None);
        }
    }
    commit_with_events(rows, Ok(Arc::new(account)), events.into()).await
}

async fn check_update(
    rows: &mut dyn Rows,
    rules: &RoleRules,
    before: &Account,
    after: &Account,
) -> Result<Result<(), RoleChangeError>, StoreError> {
    let assigner = assigner(rows, rules).await?;
    if let Err(error) = rules.check_change(assigner.as_ref(), before, after) {
        return Ok(Err(error));
    }
    let is_last = rules.removes_admin(before, after)
        && !rows.has_other_enabled(before.id, &rules.admin_roles()).await?;
    Ok(if is_last { Err(RoleChangeError::LastAdmin) } else { Ok(()) })
}

/// Returns the assigner's account as it is in this transaction.
pub(super) async fn assigner(
    rows: &mut dyn Rows,
    rules: &RoleRules,
) -> Result<Option<Account>, StoreError> {
    let Some(id) = rules.assigner() else { return Ok(None) };
    Ok(rows.account(AccountLookup::Id(id)).await?.map(|(account, _)| account))
}

pub(crate) async fn change_password(
    rows: &mut dyn Rows,
    new: &PasswordChange,
    change: &ChangeContext,
) -> Result<Committed<bool>, StoreError> {
    let found = rows.lock_account(new.user).await?;
    let Some((account, password)) =
        found.filter(|(_, password)| password.current == new.expected_hash)
    else {
        return commit_with_events(rows, false, Vec::new()).await;
    };
    let password = rotate_history(password, &new.new, new.history);
    rows.set_password(new.user, &password, Some(change.at)).await?;
    // A code that was sent before must not replace the new password, and attempts that have
    // presented the previous one must not log in.
    for purpose in [CodePurpose::Recovery, CodePurpose::SecondFactor] {
        rows.delete_codes(new.user, Some(purpose)).await?;
    }
    if account.must_change_password {
        rows.set_must_change_password(new.user, false).await?;
    }
    let mut events = EventList::new(&account, change);
    events.add(EventKind::PasswordChanged, None);
    let (kept, reason) = (new.kept_session, EndReason::PasswordChanged);
    end_all(rows, new.user, kept, reason, &mut events).await?;
    commit_with_events(rows, true, events.into()).await
}

/// Returns the new password with the history before it, of at most so many hashes.
pub(super) fn rotate_history(
    password: StoredPassword,
    new: &PasswordHash,
    history: usize,
) -> StoredPassword {
    let mut previous = password.previous;
    previous.insert(0, password.current);
    previous.truncate(history);
    StoredPassword { current: new.clone(), previous }
}
