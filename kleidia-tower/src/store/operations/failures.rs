//! Operations on login attempts and failure counters.

use super::commit_with_events;
use crate::account::AccountLookup;
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::lockout::{FailureCounters, LockoutPolicy, LoginAttempt, Reservation};
use crate::store::rows::{FailureScope, Rows};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{Timestamp, UserName};

pub(crate) async fn reserve(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let before = counters(rows, attempt).await?;
    let mut counters = before;
    let reservation = counters.reserve(policy, now);
    // A rejected attempt changes the counters too, if the clock was set back.
    if counters != before {
        put(rows, attempt, &counters).await?;
    }
    Ok(reservation)
}

pub(crate) async fn record_failure(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    change: &ChangeContext,
) -> Result<Committed<()>, StoreError> {
    let mut counters = counters(rows, attempt).await?;
    let starts_lock = counters.record_failure(policy, change.at);
    put(rows, attempt, &counters).await?;
    let user = audit_identity(rows, &attempt.name).await?;
    let reason = if user.is_some() { Reason::WrongPassword } else { Reason::UnknownUser };
    let event = change.event(EventKind::LoginFailure, Outcome::Failure, Some(reason));
    commit_with_events(rows, (), with_lock(AuditEvent { user, ..event }, starts_lock)).await
}

/// Settles an attempt that was throttled because of the account as a whole.
pub(crate) async fn record_throttled(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    change: &ChangeContext,
) -> Result<Committed<()>, StoreError> {
    let mut counters = counters(rows, attempt).await?;
    let starts_lock = counters.record_throttled(policy, change.at);
    put(rows, attempt, &counters).await?;
    let user = audit_identity(rows, &attempt.name).await?;
    let event = change.event(EventKind::LoginLocked, Outcome::Failure, Some(Reason::Locked));
    commit_with_events(rows, (), with_lock(AuditEvent { user, ..event }, starts_lock)).await
}

/// Adds a second event if a lock starts with the failure.
fn with_lock(event: AuditEvent, starts_lock: bool) -> Vec<AuditEvent> {
    let (kind, reason) = (EventKind::LoginLocked, Some(Reason::LockStarted));
    let lock = starts_lock.then(|| AuditEvent { kind, reason, ..event.clone() });
    [event].into_iter().chain(lock).collect()
}

/// Settles an attempt without counting it.
pub(crate) async fn release(rows: &mut dyn Rows, attempt: &LoginAttempt) -> Result<(), StoreError> {
    let mut counters = counters(rows, attempt).await?;
    counters.release();
    put(rows, attempt, &counters).await
}

/// Settles an attempt that succeeded.
pub(crate) async fn record_success(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut counters = counters(rows, attempt).await?;
    counters.record_success(now);
    put(rows, attempt, &counters).await
}

pub(crate) async fn unlock(
    rows: &mut dyn Rows,
    name: &UserName,
    change: &ChangeContext,
) -> Result<Committed<()>, StoreError> {
    for (scope, mut row) in rows.all_failures_of(name).await? {
        row.unlock();
        rows.put_failures(name, scope, &row).await?;
    }
    let user = audit_identity(rows, name).await?;
    let event = change.event(EventKind::LoginUnlocked, Outcome::Success, None);
    commit_with_events(rows, (), vec![AuditEvent { user, ..event }]).await
}

async fn counters(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
) -> Result<FailureCounters, StoreError> {
    let source = rows.failures(&attempt.name, FailureScope::Source(attempt.source)).await?;
    let account = rows.failures(&attempt.name, FailureScope::Account).await?;
    Ok(FailureCounters { source: source.unwrap_or_default(), account: account.unwrap_or_default() })
}

async fn put(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    counters: &FailureCounters,
) -> Result<(), StoreError> {
    let scope = FailureScope::Source(attempt.source);
    rows.put_failures(&attempt.name, scope, &counters.source).await?;
    rows.put_failures(&attempt.name, FailureScope::Account, &counters.account).await
}

/// Returns the account of a user name. A name without an account is not recorded.
async fn audit_identity(
    rows: &mut dyn Rows,
    name: &UserName,
) -> Result<Option<AuditIdentity>, StoreError> {
    let account = rows.account(AccountLookup::Name(name)).await?;
    Ok(account.map(|(account, _)| AuditIdentity::account(account.id, &account.name)))
}
