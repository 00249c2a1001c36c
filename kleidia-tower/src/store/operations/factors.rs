//! Operations on factors, and on the ceremonies that enrol or present them.

use std::sync::Arc;

use super::sessions::EventList;
use super::{commit_with_events, failures};
use crate::account::{
    Account, CodePurpose, Factor, FactorChangeError, FactorKind, FactorOutcome, FactorRemoval,
    FactorUse, NewFactor, OneTimeCode,
};
use crate::audit::{EventKind, Reason};
use crate::session::{AuthMethods, Session};
use crate::store::rows::Rows;
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{FactorId, SessionId, Timestamp, TokenDigest, UserId};

/// The result of a change, or the reason why nothing is changed.
type FactorChange<T> = Result<T, FactorChangeError>;

/// Begins a ceremony, in place of the one of its user with the same purpose.
pub(crate) async fn begin_ceremony(
    rows: &mut dyn Rows,
    ceremony: &OneTimeCode,
) -> Result<(), StoreError> {
    if let Some(user) = ceremony.user {
        if rows.lock_account(user).await?.is_none() {
            return Ok(());
        }
        rows.delete_codes(user, Some(ceremony.purpose)).await?;
    }
    rows.insert_code(ceremony).await
}

/// Ends a ceremony and returns it.
pub(crate) async fn take_ceremony(
    rows: &mut dyn Rows,
    digest: &TokenDigest,
    purpose: CodePurpose,
) -> Result<Option<OneTimeCode>, StoreError> {
    let Some(found) = rows.code(digest, purpose).await? else { return Ok(None) };
    if let Some(user) = found.user {
        rows.lock_account(user).await?;
    }
    rows.take_code(digest, purpose).await
}

pub(crate) async fn add_factor(
    rows: &mut dyn Rows,
    new: &NewFactor,
    change: &ChangeContext,
) -> Result<Committed<FactorChange<Factor>>, StoreError> {
    if let Some((digest, purpose)) = &new.ceremony {
        // That of another user stays as it is.
        let found = rows.code(digest, *purpose).await?;
        if found.is_none_or(|code| code.user != Some(new.user)) {
            return unchanged(rows, FactorChangeError::CeremonyExpired).await;
        }
    }
    let found = lock_session(rows, new.user, new.session, change.at).await?;
    let Some((account, session)) = found else {
        return unchanged(rows, FactorChangeError::SessionEnded).await;
    };
    let existing = rows.factors(new.user).await?;
    if let Some(error) = reject_addition(new, &session, &existing) {
        return unchanged(rows, error).await;
    }
    if let Some((digest, purpose)) = &new.ceremony {
        let taken = rows.take_code(digest, *purpose).await?;
        if taken.is_none_or(|code| !code.is_valid(change.at)) {
            return unchanged(rows, FactorChangeError::CeremonyExpired).await;
        }
    }
    for replaced in existing.iter().filter(|factor| replaces(new.kind, factor)) {
        rows.delete_factor(new.user, replaced.id).await?;
    }
    let Some(factor) = rows.insert_factor(factor(new, change.at)).await? else {
        return unchanged(rows, FactorChangeError::Exists).await;
    };
    if let Some(presented) = new.presented {
        let methods = session.methods.union(presented);
        rows.set_authentication(session.id, methods, session.authenticated_at).await?;
    }
    let mut events = EventList::new(&account, change);
    let reason = Some(Reason::Factor(new.kind));
    events.add_for_session(EventKind::FactorAdded, session.id, reason);
    commit_with_events(rows, Ok(factor), events.into()).await
}

fn reject_addition(
    new: &NewFactor,
    session: &Session,
    existing: &[Factor],
) -> Option<FactorChangeError> {
    let needs_second_factor = !existing.is_empty() || new.kind == FactorKind::RecoveryCodes;
    if needs_second_factor && !session.methods.has_second_factor() {
        return Some(FactorChangeError::SecondFactorRequired);
    }
    let kept = existing.iter().filter(|factor| !replaces(new.kind, factor)).count();
    (kept >= new.max_factors).then_some(FactorChangeError::TooMany)
}

/// Recovery codes are replaced as a set.
fn replaces(kind: FactorKind, existing: &Factor) -> bool {
    kind == FactorKind::RecoveryCodes && existing.kind == kind
}

fn factor(new: &NewFactor, at: Timestamp) -> Factor {
    Factor {
        id: FactorId::new(0),
        user: new.user,
        kind: new.kind,
        credential: new.credential.clone(),
        label: new.label.clone(),
        data: new.data.clone(),
        created_at: at,
        last_used_at: None,
    }
}

pub(crate) async fn use_factor(
    rows: &mut dyn Rows,
    used: &FactorUse,
    change: &ChangeContext,
) -> Result<Committed<FactorOutcome>, StoreError> {
    let found = lock_session(rows, used.user, used.session, change.at).await?;
    let Some((account, session)) = found else {
        return commit_with_events(rows, FactorOutcome::SessionEnded, Vec::new()).await;
    };
    let factors = rows.factors(used.user).await?;
    let is_same = |factor: &Factor| factor.id == used.factor && factor.data == used.expected_data;
    let Some(factor) = factors.into_iter().find(is_same) else {
        return commit_with_events(rows, FactorOutcome::Changed, Vec::new()).await;
    };
    let reason = Some(Reason::Factor(factor.kind));
    let last_used_at = Some(change.at);
    rows.update_factor(&Factor { data: used.data.clone(), last_used_at, ..factor }).await?;
    let session = authenticate(rows, session, used.methods, change.at).await?;
    if let Some((attempt, policy)) = &used.attempt {
        failures::record_second_factor(rows, attempt, policy).await?;
    }
    let mut events = EventList::new(&account, change);
    events.add_for_session(EventKind::FactorUsed, session.id, reason);
    commit_with_events(rows, FactorOutcome::Used(Arc::new(session)), events.into()).await
}

/// Adds what the user has presented now.
async fn authenticate(
    rows: &mut dyn Rows,
    session: Session,
    methods: AuthMethods,
    at: Timestamp,
) -> Result<Session, StoreError> {
    let methods = session.methods.union(methods);
    let authenticated_at = session.authenticated_at.max(at);
    if !rows.set_authentication(session.id, methods, authenticated_at).await? {
        return Err(StoreError::Corrupt("session: ended under the lock"));
    }
    Ok(Session { authenticated_at, methods, ..session })
}

pub(crate) async fn remove_factors(
    rows: &mut dyn Rows,
    removal: &FactorRemoval,
    change: &ChangeContext,
) -> Result<Committed<FactorChange<usize>>, StoreError> {
    let (FactorRemoval::One { user, .. } | FactorRemoval::All { user }) = *removal;
    let Some((account, _)) = rows.lock_account(user).await? else {
        return unchanged(rows, FactorChangeError::SessionEnded).await;
    };
    let existing = rows.factors(user).await?;
    let (removed, session) = match *removal {
        FactorRemoval::All { .. } => {
            // What is being enrolled would remain otherwise.
            for purpose in [CodePurpose::TotpEnrolment, CodePurpose::PasskeyRegistration] {
                rows.delete_codes(user, Some(purpose)).await?;
            }
            (existing, None)
        }
        FactorRemoval::One { session, factor, .. } => {
            match select_removed(rows, user, session, factor, existing, change.at).await? {
                Ok(removed) => (removed, Some(session)),
                Err(error) => return unchanged(rows, error).await,
            }
        }
    };
    let mut events = EventList::new(&account, change);
    for factor in &removed {
        rows.delete_factor(user, factor.id).await?;
        let reason = Some(Reason::Factor(factor.kind));
        match session {
            Some(id) => events.add_for_session(EventKind::FactorRemoved, id, reason),
            None => events.add(EventKind::FactorRemoved, reason),
        }
    }
    commit_with_events(rows, Ok(removed.len()), events.into()).await
}

/// Returns a factor, and with the last one that is no recovery code also those.
async fn select_removed(
    rows: &mut dyn Rows,
    user: UserId,
    session: SessionId,
    factor: FactorId,
    existing: Vec<Factor>,
    at: Timestamp,
) -> Result<FactorChange<Vec<Factor>>, StoreError> {
    let session = rows.session(user, session).await?;
    let Some(session) = session.filter(|session| session.is_active(at)) else {
        return Ok(Err(FactorChangeError::SessionEnded));
    };
    if !session.methods.has_second_factor() {
        return Ok(Err(FactorChangeError::SecondFactorRequired));
    }
    let (removed, kept): (Vec<_>, Vec<_>) =
        existing.into_iter().partition(|existing| existing.id == factor);
    if removed.is_empty() {
        return Ok(Err(FactorChangeError::NotFound));
    }
    let is_last = kept.iter().all(|factor| factor.kind == FactorKind::RecoveryCodes);
    Ok(Ok(removed.into_iter().chain(kept.into_iter().filter(|_| is_last)).collect()))
}

/// Locks an enabled account, and returns it with an active session of its user.
async fn lock_session(
    rows: &mut dyn Rows,
    user: UserId,
    session: SessionId,
    at: Timestamp,
) -> Result<Option<(Account, Session)>, StoreError> {
    let found = rows.lock_account(user).await?;
    let Some((account, _)) = found.filter(|(account, _)| !account.is_disabled) else {
        return Ok(None);
    };
    let session = rows.session(user, session).await?;
    Ok(session.filter(|session| session.is_active(at)).map(|session| (account, session)))
}

async fn unchanged<T>(
    rows: &mut dyn Rows,
    error: FactorChangeError,
) -> Result<Committed<FactorChange<T>>, StoreError> {
    commit_with_events(rows, Err(error), Vec::new()).await
}
