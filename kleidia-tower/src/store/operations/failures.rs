//! Operations on login attempts and failure counters.

use super::commit_with_events;
use crate::account::AccountLookup;
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::lockout::{
    AttemptRecord, Evidence, FailureCounters, LockoutPolicy, LoginAttempt, Reservation,
};
use crate::session::NewSession;
use crate::store::rows::{FailureRow, FailureScope, Rows};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{Timestamp, TokenDigest, UserName};

pub(crate) async fn reserve(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let (scope, before) = counters(rows, attempt).await?;
    let mut counters = before;
    let reservation = counters.reserve(policy, now);
    // A rejected attempt changes the counters too, if the clock was set back.
    if counters != before {
        put(rows, &attempt.name, scope, &counters).await?;
    }
    Ok(reservation)
}

pub(crate) async fn record_failure(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    change: &ChangeContext,
    record: AttemptRecord,
) -> Result<Committed<()>, StoreError> {
    let (scope, mut counters) = counters(rows, attempt).await?;
    let starts_lock = counters.record_failure(policy, change.at);
    put(rows, &attempt.name, scope, &counters).await?;
    let user = audit_identity(rows, &attempt.name).await?;
    let (kind, reason, session) = match attempt.evidence {
        Evidence::SecondFactor(id) => (EventKind::FactorFailed, Reason::WrongCode, Some(id)),
        _ if user.is_some() => (EventKind::LoginFailure, Reason::WrongPassword, None),
        _ => (EventKind::LoginFailure, Reason::UnknownUser, None),
    };
    let event = change.event(kind, Outcome::Failure, Some(reason));
    let events = events(AuditEvent { user, session, ..event }, starts_lock);
    commit(rows, attempt, &counters, events, record).await
}

/// Settles an attempt that was throttled because of the account as a whole.
pub(crate) async fn record_throttled(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
    change: &ChangeContext,
    record: AttemptRecord,
) -> Result<Committed<()>, StoreError> {
    let (scope, mut counters) = counters(rows, attempt).await?;
    let starts_lock = counters.record_throttled(policy, change.at);
    put(rows, &attempt.name, scope, &counters).await?;
    let user = audit_identity(rows, &attempt.name).await?;
    let event = change.event(EventKind::LoginLocked, Outcome::Failure, Some(Reason::Locked));
    let events = events(AuditEvent { user, ..event }, starts_lock);
    commit(rows, attempt, &counters, events, record).await
}

/// Records the events of a failure but those that are omitted. If these are all, it makes as many
/// round trips, of which one writes too, so that the response does not come sooner than for the name
/// of an account.
async fn commit(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    counters: &FailureCounters,
    events: Vec<AuditEvent>,
    record: AttemptRecord,
) -> Result<Committed<()>, StoreError> {
    let count = events.len();
    let is_recorded = |event: &AuditEvent| match record {
        AttemptRecord::Recorded => true,
        AttemptRecord::Omitted => event.user.is_some() && event.reason != Some(Reason::Locked),
    };
    let recorded: Vec<_> = events.into_iter().filter(is_recorded).collect();
    if !recorded.is_empty() {
        return commit_with_events(rows, (), recorded).await;
    }
    // Numbers may have gaps.
    rows.next_sequences(count).await?;
    rows.put_failures(&attempt.name, FailureScope::Account, &counters.account).await?;
    commit_with_events(rows, (), Vec::new()).await
}

/// Returns the events of a failure: with a second one if a lock starts with it.
fn events(event: AuditEvent, starts_lock: bool) -> Vec<AuditEvent> {
    let (kind, reason) = (EventKind::LoginLocked, Some(Reason::LockStarted));
    let lock = starts_lock.then(|| AuditEvent { kind, reason, ..event.clone() });
    [event].into_iter().chain(lock).collect()
}

/// Settles an attempt without counting it.
pub(crate) async fn release(rows: &mut dyn Rows, attempt: &LoginAttempt) -> Result<(), StoreError> {
    let (scope, mut counters) = counters(rows, attempt).await?;
    counters.release();
    put(rows, &attempt.name, scope, &counters).await
}

/// Settles an attempt that succeeded. Returns whether the device is new, and was stored.
pub(crate) async fn record_success(
    rows: &mut dyn Rows,
    new: &NewSession,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let NewSession { attempt: LoginAttempt { name, source, .. }, lockout, .. } = new;
    let (scope, mut counters) = counters(rows, &new.attempt).await?;
    counters.record_success(lockout, now);
    put(rows, name, scope, &counters).await?;
    if let FailureScope::Device(_) = scope {
        // The address is familiar too, but keeps the failures of its other clients.
        let scope = FailureScope::Source(*source);
        let mut row = rows.failures(name, scope).await?.unwrap_or_default();
        row.record_login(lockout, now);
        rows.put_failures(name, scope, &row).await?;
        return Ok(false);
    }
    add_device(rows, name, new.device, lockout, now).await?;
    Ok(true)
}

/// Settles an attempt with a correct second factor.
pub(super) async fn record_second_factor(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
    policy: &LockoutPolicy,
) -> Result<(), StoreError> {
    let (scope, mut counters) = counters(rows, attempt).await?;
    counters.record_second_factor(policy);
    put(rows, &attempt.name, scope, &counters).await
}

/// Makes a device familiar. It replaces the one with the oldest login if there are too many.
pub(crate) async fn add_device(
    rows: &mut dyn Rows,
    name: &UserName,
    device: TokenDigest,
    policy: &LockoutPolicy,
    now: Timestamp,
) -> Result<(), StoreError> {
    rows.lock_failures(name).await?;
    rows.delete_excess_devices(name, policy.max_devices().saturating_sub(1)).await?;
    let mut row = FailureRow::default();
    row.record_login(policy, now);
    rows.put_failures(name, FailureScope::Device(device), &row).await
}

pub(crate) async fn unlock(
    rows: &mut dyn Rows,
    name: &UserName,
    change: &ChangeContext,
) -> Result<Committed<()>, StoreError> {
    rows.lock_failures(name).await?;
    rows.clear_failures(name).await?;
    let user = audit_identity(rows, name).await?;
    let event = change.event(EventKind::LoginUnlocked, Outcome::Success, None);
    commit_with_events(rows, (), vec![AuditEvent { user, ..event }]).await
}

/// Locks and returns the counters of an attempt, and what it counts for besides the account.
async fn counters(
    rows: &mut dyn Rows,
    attempt: &LoginAttempt,
) -> Result<(FailureScope, FailureCounters), StoreError> {
    let (name, source) = (&attempt.name, FailureScope::Source(attempt.source));
    let account = rows.lock_failures(name).await?.unwrap_or_default();
    let (scope, client) = match attempt.evidence {
        Evidence::None => (source, None),
        Evidence::Session(id) => (FailureScope::Session(id), None),
        Evidence::SecondFactor(_) => (FailureScope::SecondFactor, None),
        Evidence::Device(digest) => {
            let device = FailureScope::Device(digest);
            // Only a login stores a device.
            let stored = rows.failures(name, device).await?;
            (if stored.is_some() { device } else { source }, stored)
        }
    };
    let client = match client {
        Some(device) => device,
        None => rows.failures(name, scope).await?.unwrap_or_default(),
    };
    let has_session = matches!(scope, FailureScope::Session(_));
    let is_second_factor = scope == FailureScope::SecondFactor;
    Ok((scope, FailureCounters { client, account, has_session, is_second_factor }))
}

async fn put(
    rows: &mut dyn Rows,
    name: &UserName,
    scope: FailureScope,
    counters: &FailureCounters,
) -> Result<(), StoreError> {
    rows.put_failures(name, scope, &counters.client).await?;
    rows.put_failures(name, FailureScope::Account, &counters.account).await
}

/// Returns the account of a user name. A name without an account is not recorded.
async fn audit_identity(
    rows: &mut dyn Rows,
    name: &UserName,
) -> Result<Option<AuditIdentity>, StoreError> {
    let account = rows.account(AccountLookup::Name(name)).await?;
    Ok(account.map(|(account, _)| AuditIdentity::account(account.id, &account.name)))
}
