//! Sessions: opened, used, bound to agents and ended.

use std::sync::Arc;

use super::{failures, record};
use crate::account::{Account, AccountLookup, StoredPassword};
use crate::audit::{AuditEvent, EventKind, Outcome, Party, Reason};
use crate::session::{
    EndReason, Ending, NewSession, Opened, Session, SessionEnd, SessionKey, SessionView,
};
use crate::store::rows::{RefreshTokenRow, Rows};
use crate::store::{Change, Committed, StoreError};
use crate::{SessionId, Timestamp, UserId};

/// The events of a change that concerns one account.
pub(super) struct Events<'a> {
    user: Party,
    change: &'a Change,
    so_far: Vec<AuditEvent>,
}

pub(crate) async fn open(
    rows: &mut dyn Rows,
    new: NewSession,
    change: &Change,
) -> Result<Committed<Opened>, StoreError> {
    let found = rows.account(AccountLookup::Id(new.user)).await?;
    let Some((account, password)) = found else {
        failures::release(rows, &new.attempt).await?;
        return record(rows, Opened::Changed, Vec::new()).await;
    };
    let mut events = Events::of(&account, change);
    let refusal = if password.current != new.expected_hash {
        Some((Opened::Changed, Reason::PasswordChanged))
    } else if account.is_disabled {
        Some((Opened::Disabled, Reason::AccountDisabled))
    } else {
        None
    };
    if let Some((refused, reason)) = refusal {
        failures::release(rows, &new.attempt).await?;
        events.fail(EventKind::LoginFailure, reason);
        return record(rows, refused, events.into()).await;
    }
    failures::forget(rows, &new.attempt, change.at).await?;
    if let Some(current) = new.rehashed.clone() {
        let password = StoredPassword { current, ..password };
        rows.update_password(account.id, &password).await?;
    }
    let session = open_family(rows, &new, change).await?;
    events.of_session(EventKind::LoginSuccess, session.id, None);
    events.of_session(EventKind::SessionCreated, session.id, None);
    let view = SessionView { session: Arc::new(session), account: Arc::new(account) };
    record(rows, Opened::Session(view), events.into()).await
}

async fn open_family(
    rows: &mut dyn Rows,
    new: &NewSession,
    change: &Change,
) -> Result<Session, StoreError> {
    let family = rows.insert_family(new.user).await?;
    let session = Session {
        id: SessionId::new(0),
        user: new.user,
        family,
        client: change.client.clone(),
        created_at: change.at,
        authenticated_at: change.at,
        last_seen_at: change.at,
        expires_at: new.expires_at,
        end: None,
        agent_key: None,
    };
    let session = rows.insert_session(session, new.token).await?;
    rows.insert_refresh_token(&RefreshTokenRow {
        digest: new.refresh_token,
        family,
        session: session.id,
        expires_at: new.refresh_expires_at,
        spent: None,
    })
    .await?;
    Ok(session)
}

pub(crate) async fn end(
    rows: &mut dyn Rows,
    which: Ending,
    reason: EndReason,
    change: &Change,
) -> Result<Committed<Vec<SessionId>>, StoreError> {
    let (Ending::One { user, .. } | Ending::All { user }) = which;
    let Some((account, _)) = rows.account(AccountLookup::Id(user)).await? else {
        return record(rows, Vec::new(), Vec::new()).await;
    };
    let mut sessions = rows.sessions_not_ended(user).await?;
    match which {
        Ending::One { session: id, .. } => sessions.retain(|session| session.id == id),
        // Families outlive their sessions, so there may be more of them.
        Ending::All { .. } => rows.revoke_families_of(user).await?,
    }
    let mut events = Events::of(&account, change);
    if reason == EndReason::Logout {
        for session in sessions.iter().filter(|session| session.is_active(change.at)) {
            events.of_session(EventKind::Logout, session.id, None);
        }
    }
    let ended = end_sessions(rows, sessions, reason, change, &mut events).await?;
    record(rows, ended, events.into()).await
}

/// Ends sessions and revokes their families; those that were over already are not told of.
pub(super) async fn end_sessions(
    rows: &mut dyn Rows,
    sessions: Vec<Session>,
    reason: EndReason,
    change: &Change,
    events: &mut Events<'_>,
) -> Result<Vec<SessionId>, StoreError> {
    let mut ended = Vec::new();
    for mut session in sessions {
        rows.revoke_family(session.family).await?;
        if session.is_active(change.at) {
            ended.push(session.id);
            events.of_session(EventKind::SessionEnded, session.id, Some(Reason::Ended(reason)));
        }
        session.end = Some(SessionEnd { at: change.at, reason });
        session.agent_key = None;
        rows.update_session(&session).await?;
    }
    Ok(ended)
}

pub(crate) async fn touch(
    rows: &mut dyn Rows,
    id: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let session = rows.session(SessionKey::Id(id)).await?;
    if let Some(mut session) = session.filter(|session| session.last_seen_at < now) {
        session.last_seen_at = now;
        rows.update_session(&session).await?;
    }
    Ok(())
}

pub(crate) async fn register_agent(
    rows: &mut dyn Rows,
    id: SessionId,
    user: UserId,
    public_key_pem: String,
    change: &Change,
) -> Result<Committed<bool>, StoreError> {
    let session = rows.session(SessionKey::Id(id)).await?;
    let session = session.filter(|session| session.user == user && session.is_active(change.at));
    let (Some(mut session), Some((account, _))) =
        (session, rows.account(AccountLookup::Id(user)).await?)
    else {
        return record(rows, false, Vec::new()).await;
    };
    session.agent_key = Some(public_key_pem);
    rows.update_session(&session).await?;
    let mut events = Events::of(&account, change);
    events.of_session(EventKind::AgentRegistered, id, None);
    record(rows, true, events.into()).await
}

impl<'a> Events<'a> {
    pub(super) fn of(account: &Account, change: &'a Change) -> Self {
        Self { user: Party::account(account.id, &account.name), change, so_far: Vec::new() }
    }

    /// Something went as it was meant, in no session.
    pub(super) fn add(&mut self, kind: EventKind, reason: Option<Reason>) {
        self.push(kind, Outcome::Success, None, reason);
    }

    /// Something was refused.
    pub(super) fn fail(&mut self, kind: EventKind, reason: Reason) {
        self.push(kind, Outcome::Failure, None, Some(reason));
    }

    pub(super) fn of_session(&mut self, kind: EventKind, id: SessionId, reason: Option<Reason>) {
        self.push(kind, Outcome::Success, Some(id), reason);
    }

    pub(super) fn push(
        &mut self,
        kind: EventKind,
        outcome: Outcome,
        session: Option<SessionId>,
        reason: Option<Reason>,
    ) {
        let user = Some(self.user.clone());
        let event = self.change.event(kind, outcome, reason);
        self.so_far.push(AuditEvent { user, session, ..event });
    }

    pub(super) const fn change(&self) -> &'a Change {
        self.change
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.so_far.is_empty()
    }
}

impl From<Events<'_>> for Vec<AuditEvent> {
    fn from(events: Events<'_>) -> Self {
        events.so_far
    }
}
