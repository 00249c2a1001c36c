//! Refresh tokens: each is spent once, for one successor.

use std::sync::Arc;

use super::record;
use super::sessions::{Events, end_sessions};
use crate::account::{Account, AccountLookup};
use crate::audit::{EventKind, Outcome, Reason};
use crate::session::{EndReason, Rotated, Rotation, Session, SessionKey, SessionView};
use crate::store::rows::{RefreshTokenRow, Rows, Spent};
use crate::store::{Change, Committed, StoreError};

pub(crate) async fn rotate(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    change: &Change,
) -> Result<Committed<Rotated>, StoreError> {
    let Some(presented) = rows.refresh_token(&rotation.presented).await? else {
        return record(rows, Rotated::Invalid, Vec::new()).await;
    };
    let session = session_of(rows, &presented).await?;
    let found = rows.account(AccountLookup::Id(session.user)).await?;
    let (account, _) = found.ok_or(StoreError::Corrupt("a session without an account"))?;
    let mut events = Events::of(&account, change);
    if account.is_disabled {
        events.push(
            EventKind::TokenRefresh,
            Outcome::Failure,
            Some(session.id),
            Some(Reason::AccountDisabled),
        );
        return record(rows, Rotated::Disabled, events.into()).await;
    }
    let is_over = change.at >= presented.expires_at;
    if is_over || rows.is_family_revoked(presented.family).await? {
        return record(rows, Rotated::Invalid, Vec::new()).await;
    }
    match &presented.spent {
        None => first(rows, rotation, presented, session, account, events).await,
        // Clocks of nodes differ by a little, in either direction.
        Some(spent) if change.at.duration_since(spent.at).unsigned_abs() < rotation.grace => {
            let (spent, account) = (spent.clone(), Arc::new(account));
            again(rows, spent, account, events).await
        }
        Some(_) => reused(rows, presented, account, change, events).await,
    }
}

async fn session_of(rows: &mut dyn Rows, token: &RefreshTokenRow) -> Result<Session, StoreError> {
    let session = rows.session(SessionKey::Id(token.session)).await?;
    session.ok_or(StoreError::Corrupt("a refresh token without a session"))
}

async fn first(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    presented: RefreshTokenRow,
    session: Session,
    account: Account,
    mut events: Events<'_>,
) -> Result<Committed<Rotated>, StoreError> {
    let change = events.change();
    let session = renewed(rows, rotation, session, &mut events).await?;
    let spent = Spent { at: change.at, successor: rotation.successor, wrapped: rotation.wrapped };
    rows.spend_refresh_token(&presented.digest, &spent).await?;
    rows.insert_refresh_token(&RefreshTokenRow {
        digest: rotation.successor,
        family: presented.family,
        session: session.id,
        expires_at: rotation.refresh_expires_at,
        spent: None,
    })
    .await?;
    events.of_session(EventKind::TokenRefresh, session.id, None);
    let session = SessionView { session: Arc::new(session), account: Arc::new(account) };
    record(rows, Rotated::First { session }, events.into()).await
}

/// The session for another while, or, if it has lapsed, a new one in its family.
async fn renewed(
    rows: &mut dyn Rows,
    rotation: &Rotation,
    mut session: Session,
    events: &mut Events<'_>,
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
    events.of_session(EventKind::SessionCreated, session.id, Some(Reason::SessionLapsed));
    Ok(session)
}

async fn again(
    rows: &mut dyn Rows,
    spent: Spent,
    account: Arc<Account>,
    mut events: Events<'_>,
) -> Result<Committed<Rotated>, StoreError> {
    let Some(successor) = rows.refresh_token(&spent.successor).await? else {
        return record(rows, Rotated::Invalid, Vec::new()).await;
    };
    let session = Arc::new(session_of(rows, &successor).await?);
    events.of_session(EventKind::TokenRefresh, session.id, Some(Reason::Retry));
    let again = Rotated::Again {
        session: SessionView { session, account },
        successor: spent.successor,
        wrapped: spent.wrapped,
        refresh_expires_at: successor.expires_at,
    };
    record(rows, again, events.into()).await
}

async fn reused(
    rows: &mut dyn Rows,
    presented: RefreshTokenRow,
    account: Account,
    change: &Change,
    mut events: Events<'_>,
) -> Result<Committed<Rotated>, StoreError> {
    let id = Some(presented.session);
    events.push(EventKind::TokenReuse, Outcome::Failure, id, None);
    rows.revoke_family(presented.family).await?;
    let mut sessions = rows.sessions_not_ended(account.id).await?;
    sessions.retain(|session| session.family == presented.family);
    end_sessions(rows, sessions, EndReason::Reuse, change, &mut events).await?;
    record(rows, Rotated::Reused(Arc::new(account)), events.into()).await
}
