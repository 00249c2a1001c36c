//! Failures to log in: reserved, counted, forgotten.

use super::record;
use crate::account::AccountLookup;
use crate::audit::{AuditEvent, EventKind, Outcome, Party, Reason};
use crate::lockout::{Attempt, Counters, LockoutPolicy, Reservation};
use crate::store::rows::{FailureScope, Rows};
use crate::store::{Change, Committed, StoreError};
use crate::{Timestamp, UserName};

pub(crate) async fn reserve(
    rows: &mut dyn Rows,
    attempt: &Attempt,
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

pub(crate) async fn fail(
    rows: &mut dyn Rows,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    change: &Change,
) -> Result<Committed<()>, StoreError> {
    let mut counters = counters(rows, attempt).await?;
    let locks = counters.fail(policy, change.at);
    put(rows, attempt, &counters).await?;
    let user = party(rows, &attempt.name).await?;
    let reason = if user.is_some() { Reason::WrongPassword } else { Reason::UnknownUser };
    let event = change.event(EventKind::LoginFailure, Outcome::Failure, Some(reason));
    record(rows, (), with_lock(AuditEvent { user, ..event }, locks)).await
}

/// Settles an attempt that was refused because of the account as a whole.
pub(crate) async fn refuse(
    rows: &mut dyn Rows,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    change: &Change,
) -> Result<Committed<()>, StoreError> {
    let mut counters = counters(rows, attempt).await?;
    let locks = counters.refuse(policy, change.at);
    put(rows, attempt, &counters).await?;
    let user = party(rows, &attempt.name).await?;
    let event = change.event(EventKind::LoginLocked, Outcome::Failure, Some(Reason::Locked));
    record(rows, (), with_lock(AuditEvent { user, ..event }, locks)).await
}

/// The event, and a second one where a lock begins with it.
fn with_lock(event: AuditEvent, locks: bool) -> Vec<AuditEvent> {
    let (kind, reason) = (EventKind::LoginLocked, Some(Reason::LockBegins));
    let lock = locks.then(|| AuditEvent { kind, reason, ..event.clone() });
    [event].into_iter().chain(lock).collect()
}

/// Settles an attempt that came to nothing.
pub(crate) async fn release(rows: &mut dyn Rows, attempt: &Attempt) -> Result<(), StoreError> {
    let mut counters = counters(rows, attempt).await?;
    counters.release();
    put(rows, attempt, &counters).await
}

/// Settles an attempt that succeeded.
pub(crate) async fn forget(
    rows: &mut dyn Rows,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut counters = counters(rows, attempt).await?;
    counters.succeed(now);
    put(rows, attempt, &counters).await
}

pub(crate) async fn unlock(
    rows: &mut dyn Rows,
    name: &UserName,
    change: &Change,
) -> Result<Committed<()>, StoreError> {
    for (scope, mut row) in rows.all_failures_of(name).await? {
        row.unlock();
        rows.put_failures(name, scope, &row).await?;
    }
    let user = party(rows, name).await?;
    let event = change.event(EventKind::LoginUnlocked, Outcome::Success, None);
    record(rows, (), vec![AuditEvent { user, ..event }]).await
}

async fn counters(rows: &mut dyn Rows, attempt: &Attempt) -> Result<Counters, StoreError> {
    let source = rows.failures(&attempt.name, FailureScope::Source(attempt.source)).await?;
    let account = rows.failures(&attempt.name, FailureScope::Account).await?;
    Ok(Counters { source: source.unwrap_or_default(), account: account.unwrap_or_default() })
}

async fn put(
    rows: &mut dyn Rows,
    attempt: &Attempt,
    counters: &Counters,
) -> Result<(), StoreError> {
    let scope = FailureScope::Source(attempt.source);
    rows.put_failures(&attempt.name, scope, &counters.source).await?;
    rows.put_failures(&attempt.name, FailureScope::Account, &counters.account).await
}

/// The account of this name; other names are not recorded.
async fn party(rows: &mut dyn Rows, name: &UserName) -> Result<Option<Party>, StoreError> {
    let account = rows.account(AccountLookup::Name(name)).await?;
    Ok(account.map(|(account, _)| Party::account(account.id, &account.name)))
}
