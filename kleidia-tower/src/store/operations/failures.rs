//! Failures to log in: reserved, counted, forgotten.

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
    // What a clock that was set back has shortened stays so.
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
    let locks = counters.record_failure(policy, change.at);
    put(rows, attempt, &counters).await?;
    let user = party(rows, &attempt.name).await?;
    let reason = if user.is_some() { Reason::WrongPassword } else { Reason::UnknownUser };
    let event = change.event(EventKind::LoginFailure, Outcome::Failure, Some(reason));
    commit_with_events(rows, (), with_lock(AuditEvent { user, ..event }, locks)).await
}

/// Settles an attempt that was refused because of the account as a whole.
pub(crate) async fn record_throttled(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    change: &ChangeContext,
) -> Result<Committed<()>, StoreError> {
    let mut counters = counters(rows, attempt).await?;
    let locks = counters.record_throttled(policy, change.at);
    put(rows, attempt, &counters).await?;
    let user = party(rows, &attempt.name).await?;
    let event = change.event(EventKind::LoginLocked, Outcome::Failure, Some(Reason::Locked));
    commit_with_events(rows, (), with_lock(AuditEvent { user, ..event }, locks)).await
}

/// The event, and a second one where a lock begins with it.
fn with_lock(event: AuditEvent, locks: bool) -> Vec<AuditEvent> {
    let (kind, reason) = (EventKind::LoginLocked, Some(Reason::LockStarted));
    let lock = locks.then(|| AuditEvent { kind, reason, ..event.clone() });
    [event].into_iter().chain(lock).collect()
}

/// Settles an attempt that came to nothing.
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
    let user = party(rows, name).await?;
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

/// The account of this name; other names are not recorded.
async fn party(rows: &mut dyn Rows, name: &UserName) -> Result<Option<AuditIdentity>, StoreError> {
    let account = rows.account(AccountLookup::Name(name)).await?;
    Ok(account.map(|(account, _)| AuditIdentity::account(account.id, &account.name)))
}
