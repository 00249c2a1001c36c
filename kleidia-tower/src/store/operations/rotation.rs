//! Refresh token rotation: each token is consumed once, for one successor.

use std::sync::Arc;

use super::commit_with_events;
use super::sessions::{EventList, end_families};
use crate::account::Account;
use crate::audit::{EventKind, Outcome, Reason};
use crate::session::{EndReason, Rotation, RotationOutcome, Session, SessionView};
use crate::store::rows::{Consumed, RefreshTokenRow, RefreshTokenState, Rows, is_retry};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{SessionId, Timestamp, UserId, time};

pub(crate) async fn rotate(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    change: &ChangeContext,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let Some(owner) = rows.refresh_token_owner(&rotation.presented).await? else {
        return commit_with_events(rows, RotationOutcome::Invalid, Vec::new()).await;
    };
    let found = rows.lock_account(owner).await?;
    // A concurrent use or a purge may have changed the token before the lock.
    let Some((presented, is_revoked)) = rows.refresh_token(&rotation.presented).await? else {
        return commit_with_events(rows, RotationOutcome::Invalid, Vec::new()).await;
    };
    let session = find_session(rows, owner, &presented).await?;
    let (account, _) = found.ok_or(StoreError::Corrupt("session: its account is missing"))?;
    let account = Arc::new(account);
    let mut events = EventList::new(&account, change);
    let state = RefreshTokenState::new(&presented, &session, &account, is_revoked);
    if let Some(reason) = state.rejection(rotation.login_ttl, change.at) {
        let outcome = match reason {
            Reason::AccountDisabled => RotationOutcome::AccountDisabled,
            _ => RotationOutcome::Invalid,
        };
        events.add_rejected_refresh(session.id, reason);
        return commit_with_events(rows, outcome, events.into()).await;
    }
    match &presented.consumed {
        None => rotate_first_use(rows, rotation, presented, session, account, events).await,
        Some(consumed) if is_retry(change.at, consumed.at, rotation.grace) => {
            return_successor(rows, session.id, consumed.clone(), account, events).await
        }
        Some(_) => revoke_reused(rows, presented, account, events).await,
    }
}

async fn find_session(
    rows: &mut dyn Rows,
    user: UserId,
    token: &RefreshTokenRow,
) -> Result<Session, StoreError> {
    let session = rows.session(user, token.session).await?;
    session.ok_or(StoreError::Corrupt("refresh token: its session is missing"))
}

async fn rotate_first_use(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    presented: RefreshTokenRow,
    session: Session,
    account: Arc<Account>,
    mut events: EventList<'_>,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let (change, previous) = (events.change(), session.id);
    let login_end = time::add(session.authenticated_at, rotation.login_ttl);
    let refresh_expires_at = rotation.refresh_expires_at.min(login_end);
    let session = extend_or_reopen(rows, rotation, session, login_end, &mut events).await?;
    let consumed =
        Consumed { at: change.at, successor: rotation.successor, wrapped: rotation.wrapped };
    if !rows.consume_refresh_token(&presented.digest, &consumed).await? {
        return Err(StoreError::Corrupt("refresh token: consumed under the lock"));
    }
    rows.insert_refresh_token(&RefreshTokenRow {
        digest: rotation.successor,
        family: presented.family,
        session: session.id,
        expires_at: refresh_expires_at,
        consumed: None,
    })
    .await?;
    events.add_for_session(EventKind::TokenRefresh, session.id, None);
    let is_new_session = session.id != previous;
    let session = SessionView { session: Arc::new(session), account };
    let rotated = RotationOutcome::Rotated { session, refresh_expires_at, is_new_session };
    commit_with_events(rows, rotated, events.into()).await
}

/// Extends the session, or opens a new one in its family if it has expired.
async fn extend_or_reopen(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    mut session: Session,
    login_end: Timestamp,
    events: &mut EventList<'_>,
) -> Result<Session, StoreError> {
    let (change, expires_at) = (events.change(), rotation.expires_at.min(login_end));
    if session.is_active(change.at) {
        session.expires_at = session.expires_at.max(expires_at);
        session.last_seen_at = session.last_seen_at.max(change.at);
        if !rows.extend_session(session.id, session.expires_at, session.last_seen_at).await? {
            return Err(StoreError::Corrupt("session: ended under the lock"));
        }
        return Ok(session);
    }
    let session = Session {
        client: change.client.clone(),
        created_at: change.at,
        last_seen_at: change.at,
        expires_at,
        end: None,
        agent_key: None,
        ..session
    };
    let session = rows.insert_session(session, rotation.session_token).await?;
    events.add_for_session(EventKind::SessionCreated, session.id, Some(Reason::SessionExpired));
    Ok(session)
}

async fn return_successor(
    rows: &mut dyn Rows,
    previous: SessionId,
    consumed: Consumed,
    account: Arc<Account>,
    mut events: EventList<'_>,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let Some((successor, _)) = rows.refresh_token(&consumed.successor).await? else {
        events.add_rejected_refresh(previous, Reason::TokenExpired);
        return commit_with_events(rows, RotationOutcome::Invalid, events.into()).await;
    };
    let session = Arc::new(find_session(rows, account.id, &successor).await?);
    events.add_for_session(EventKind::TokenRefresh, session.id, Some(Reason::Retry));
    let is_new_session = session.id != previous;
    let retried = RotationOutcome::Retried {
        session: SessionView { session, account },
        successor: consumed.successor,
        wrapped: consumed.wrapped,
        refresh_expires_at: successor.expires_at,
        is_new_session,
    };
    commit_with_events(rows, retried, events.into()).await
}

async fn revoke_reused(
    rows: &mut dyn Rows,
    presented: RefreshTokenRow,
    account: Arc<Account>,
    mut events: EventList<'_>,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let id = Some(presented.session);
    events.push(EventKind::TokenReuse, Outcome::Failure, id, None);
    end_families(rows, &[presented.family], EndReason::RefreshTokenReuse, &mut events).await?;
    commit_with_events(rows, RotationOutcome::Reused(account), events.into()).await
}
