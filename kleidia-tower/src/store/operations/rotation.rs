//! Refresh token rotation: each token is consumed once, for one successor.

use std::sync::Arc;

use super::commit_with_events;
use super::sessions::{EventList, end_sessions};
use crate::account::{Account, AccountLookup};
use crate::audit::{EventKind, Outcome, Reason};
use crate::session::{EndReason, Rotation, RotationOutcome, Session, SessionLookup, SessionView};
use crate::store::rows::{Consumed, RefreshTokenRow, Rows};
use crate::store::{ChangeContext, Committed, StoreError};

pub(crate) async fn rotate(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    change: &ChangeContext,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let Some(presented) = rows.refresh_token(&rotation.presented).await? else {
        return commit_with_events(rows, RotationOutcome::Invalid, Vec::new()).await;
    };
    let session = session_of(rows, &presented).await?;
    let found = rows.account(AccountLookup::Id(session.user)).await?;
    let (account, _) = found.ok_or(StoreError::Corrupt("session: its account is missing"))?;
    let mut events = EventList::new(&account, change);
    if account.is_disabled {
        events.push(
            EventKind::TokenRefresh,
            Outcome::Failure,
            Some(session.id),
            Some(Reason::AccountDisabled),
        );
        return commit_with_events(rows, RotationOutcome::AccountDisabled, events.into()).await;
    }
    let is_expired = change.at >= presented.expires_at;
    if is_expired || rows.is_family_revoked(presented.family).await? {
        return commit_with_events(rows, RotationOutcome::Invalid, Vec::new()).await;
    }
    match &presented.consumed {
        None => rotate_first_use(rows, rotation, presented, session, account, events).await,
        // The clocks of nodes differ, so the earlier use may have the later time.
        Some(consumed) if change.at.duration_since(consumed.at).unsigned_abs() < rotation.grace => {
            let (consumed, account) = (consumed.clone(), Arc::new(account));
            return_successor(rows, consumed, account, events).await
        }
        Some(_) => revoke_reused(rows, presented, account, change, events).await,
    }
}

async fn session_of(rows: &mut dyn Rows, token: &RefreshTokenRow) -> Result<Session, StoreError> {
    let session = rows.session(SessionLookup::Id(token.session)).await?;
    session.ok_or(StoreError::Corrupt("refresh token: its session is missing"))
}

async fn rotate_first_use(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    presented: RefreshTokenRow,
    session: Session,
    account: Account,
    mut events: EventList<'_>,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let change = events.change();
    let session = extend_or_reopen(rows, rotation, session, &mut events).await?;
    let consumed =
        Consumed { at: change.at, successor: rotation.successor, wrapped: rotation.wrapped };
    rows.consume_refresh_token(&presented.digest, &consumed).await?;
    rows.insert_refresh_token(&RefreshTokenRow {
        digest: rotation.successor,
        family: presented.family,
        session: session.id,
        expires_at: rotation.refresh_expires_at,
        consumed: None,
    })
    .await?;
    events.add_for_session(EventKind::TokenRefresh, session.id, None);
    let session = SessionView { session: Arc::new(session), account: Arc::new(account) };
    commit_with_events(rows, RotationOutcome::Rotated { session }, events.into()).await
}

/// Extends the session, or opens a new one in its family if it has expired.
async fn extend_or_reopen(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    mut session: Session,
    events: &mut EventList<'_>,
) -> Result<Session, StoreError> {
    let change = events.change();
    if session.is_active(change.at) {
        session.expires_at = session.expires_at.max(rotation.expires_at);
        session.last_seen_at = session.last_seen_at.max(change.at);
        rows.update_session(&session).await?;
        return Ok(session);
    }
    let session = Session {
        client: change.client.clone(),
        created_at: change.at,
        last_seen_at: change.at,
        expires_at: rotation.expires_at,
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
    consumed: Consumed,
    account: Arc<Account>,
    mut events: EventList<'_>,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let Some(successor) = rows.refresh_token(&consumed.successor).await? else {
        return commit_with_events(rows, RotationOutcome::Invalid, Vec::new()).await;
    };
    let session = Arc::new(session_of(rows, &successor).await?);
    events.add_for_session(EventKind::TokenRefresh, session.id, Some(Reason::Retry));
    let retried = RotationOutcome::Retried {
        session: SessionView { session, account },
        successor: consumed.successor,
        wrapped: consumed.wrapped,
        refresh_expires_at: successor.expires_at,
    };
    commit_with_events(rows, retried, events.into()).await
}

async fn revoke_reused(
    rows: &mut dyn Rows,
    presented: RefreshTokenRow,
    account: Account,
    change: &ChangeContext,
    mut events: EventList<'_>,
) -> Result<Committed<RotationOutcome>, StoreError> {
    let id = Some(presented.session);
    events.push(EventKind::TokenReuse, Outcome::Failure, id, None);
    rows.revoke_family(presented.family).await?;
    let mut sessions = rows.open_sessions(account.id).await?;
    sessions.retain(|session| session.family == presented.family);
    end_sessions(rows, sessions, EndReason::RefreshTokenReuse, change, &mut events).await?;
    commit_with_events(rows, RotationOutcome::Reused(Arc::new(account)), events.into()).await
}
