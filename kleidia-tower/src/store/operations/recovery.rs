//! Operations on one-time codes that set passwords.

use std::sync::Arc;

use super::accounts::{AccountChange, assigner, rotate_history};
use super::commit_with_events;
use super::sessions::{EventList, end_all};
use crate::UserId;
use crate::account::{
    Account, AccountChangeError, CodePurpose, OneTimeCode, Recovery, RecoveryOutcome,
};
use crate::audit::{EventKind, Reason};
use crate::rbac::RoleRules;
use crate::session::EndReason;
use crate::store::rows::Rows;
use crate::store::{ChangeContext, Committed, StoreError};

pub(crate) async fn issue_recovery_code(
    rows: &mut dyn Rows,
    code: &OneTimeCode,
    rules: &RoleRules,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    if rules.assigner().is_some() {
        rows.lock_administration().await?;
    }
    let user = code.user.ok_or(StoreError::Corrupt("recovery code without a user"))?;
    let Some((account, _)) = rows.lock_account(user).await? else {
        return commit_with_events(rows, Err(AccountChangeError::UserNotFound), Vec::new()).await;
    };
    if account.is_disabled {
        return commit_with_events(rows, Err(AccountChangeError::UserDisabled), Vec::new()).await;
    }
    let issuer = assigner(rows, rules).await?;
    if let Err(error) = rules.check_recovery(issuer.as_ref(), &account) {
        return commit_with_events(rows, Err(error.into()), Vec::new()).await;
    }
    rows.delete_codes(user, Some(CodePurpose::Recovery)).await?;
    rows.insert_code(code).await?;
    let mut events = EventList::new(&account, change);
    events.add(EventKind::RecoveryIssued, None);
    commit_with_events(rows, Ok(Arc::new(account)), events.into()).await
}

pub(crate) async fn recover(
    rows: &mut dyn Rows,
    recovery: &Recovery,
    change: &ChangeContext,
) -> Result<Committed<RecoveryOutcome>, StoreError> {
    let invalid = RecoveryOutcome::Invalid;
    let found = rows.code(&recovery.code, CodePurpose::Recovery).await?;
    let Some(user) = found.and_then(|code| code.user) else {
        return commit_with_events(rows, invalid, Vec::new()).await;
    };
    let Some((account, password)) = rows.lock_account(user).await? else {
        return commit_with_events(rows, invalid, Vec::new()).await;
    };
    // A concurrent use, a replacement or a purge may have deleted the code before the lock.
    let Some(code) = rows.code(&recovery.code, CodePurpose::Recovery).await? else {
        return commit_with_events(rows, invalid, Vec::new()).await;
    };
    let mut events = EventList::new(&account, change);
    if let Some(reason) = rejection(recovery, &code, &account, change) {
        events.add_failure(EventKind::RecoveryUsed, reason);
        return commit_with_events(rows, invalid, events.into()).await;
    }
    if rows.take_code(&recovery.code, CodePurpose::Recovery).await?.is_none() {
        // A purge has deleted the code, which is about to expire.
        return commit_with_events(rows, invalid, Vec::new()).await;
    }
    // Not before: the lock leaves a row, which only a use removes.
    rows.lock_failures(&account.name).await?;
    // Attempts that have presented the previous password.
    rows.delete_codes(user, Some(CodePurpose::SecondFactor)).await?;
    let password = rotate_history(password, &recovery.password, recovery.history);
    rows.set_password(user, &password, Some(change.at)).await?;
    rows.set_must_change_password(user, false).await?;
    events.add(EventKind::RecoveryUsed, None);
    events.add(EventKind::PasswordChanged, None);
    end_all(rows, user, None, EndReason::PasswordChanged, &mut events).await?;
    rows.clear_failures(&account.name).await?;
    let account =
        Account { must_change_password: false, password_changed_at: change.at, ..account };
    let recovered = RecoveryOutcome::Recovered(Arc::new(account));
    commit_with_events(rows, recovered, events.into()).await
}

fn rejection(
    recovery: &Recovery,
    code: &OneTimeCode,
    account: &Account,
    change: &ChangeContext,
) -> Option<Reason> {
    if account.is_disabled {
        Some(Reason::AccountDisabled)
    } else if !code.is_valid(change.at) {
        Some(Reason::CodeExpired)
    } else if recovery.user_name.as_ref().is_some_and(|name| *name != account.name) {
        Some(Reason::CodeOfOtherUser)
    } else {
        None
    }
}

pub(crate) async fn require_password_change(
    rows: &mut dyn Rows,
    user: UserId,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    let Some((account, _)) = rows.lock_account(user).await? else {
        return commit_with_events(rows, Err(AccountChangeError::UserNotFound), Vec::new()).await;
    };
    let mut events = EventList::new(&account, change);
    if !account.must_change_password {
        rows.set_must_change_password(user, true).await?;
        events.add(EventKind::PasswordExpired, None);
    }
    let account = Account { must_change_password: true, ..account };
    commit_with_events(rows, Ok(Arc::new(account)), events.into()).await
}
