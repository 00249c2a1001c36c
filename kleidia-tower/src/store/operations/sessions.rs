//! Operations that open, touch and end sessions, and bind agents to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{commit_with_events, failures};
use crate::account::{Account, StoredPassword};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::lockout::LoginAttempt;
use crate::session::{
    AuthMethods, EndReason, NewSession, OpenOutcome, Session, SessionEnd, SessionSelector,
    SessionView,
};
use crate::store::rows::{RefreshTokenRow, RevokedFamily, Rows};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{FamilyId, SessionId, UserId};

/// How many sessions one login ends at most. There are more after the maximum was lowered.
const MAX_DISPLACED: usize = 100;

/// The events of a change to one account.
pub(super) struct EventList<'a> {
    user: AuditIdentity,
    change: &'a ChangeContext,
    list: Vec<AuditEvent>,
}

pub(crate) async fn open(
    rows: &mut dyn Rows,
    new: &NewSession,
    change: &ChangeContext,
) -> Result<Committed<OpenOutcome>, StoreError> {
    let Some((account, password)) = rows.lock_account(new.user).await? else {
        failures::release(rows, &new.attempt).await?;
        return commit_with_events(rows, OpenOutcome::PasswordChanged, Vec::new()).await;
    };
    let mut events = EventList::new(&account, change);
    // A concurrent renaming has moved the counters of the attempt.
    let attempt = LoginAttempt { name: account.name.clone(), ..new.attempt.clone() };
    let rejection = if password.current != new.expected_hash {
        Some((OpenOutcome::PasswordChanged, Reason::PasswordChanged))
    } else if account.is_disabled {
        Some((OpenOutcome::AccountDisabled, Reason::AccountDisabled))
    } else if attempt.name != new.attempt.name {
        Some((OpenOutcome::PasswordChanged, Reason::Renamed(account.name.clone())))
    } else {
        None
    };
    if let Some((outcome, reason)) = rejection {
        failures::release(rows, &attempt).await?;
        events.add_failure(EventKind::LoginFailure, reason);
        return commit_with_events(rows, outcome, events.into()).await;
    }
    let is_new_device = failures::record_success(rows, new, change.at).await?;
    if let Some(current) = new.rehashed.clone() {
        let password = StoredPassword { current, ..password };
        rows.set_password(account.id, &password, None).await?;
    }
    let session = open_family(rows, new, change).await?;
    events.add_for_session(EventKind::LoginSuccess, session.id, None);
    events.add_for_session(EventKind::SessionCreated, session.id, None);
    let mut excess = rows.excess_families(new.user, new.max_sessions, MAX_DISPLACED).await?;
    // The new family is the one that was refreshed last, unless a clock was set back.
    excess.retain(|family| *family != session.family);
    let displaced = end_families(rows, &excess, EndReason::SessionLimit, &mut events).await?;
    let session = SessionView { session: Arc::new(session), account: Arc::new(account) };
    let opened = OpenOutcome::Opened { session, displaced, is_new_device };
    commit_with_events(rows, opened, events.into()).await
}

async fn open_family(
    rows: &mut dyn Rows,
    new: &NewSession,
    change: &ChangeContext,
) -> Result<Session, StoreError> {
    let family = rows.insert_family(new.user).await?;
    let session = Session {
        id: SessionId::new(0),
        user: new.user,
        family,
        client: change.client.clone(),
        created_at: change.at,
        authenticated_at: change.at,
        methods: AuthMethods::password(),
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
        consumed: None,
    })
    .await?;
    Ok(session)
}

pub(crate) async fn end(
    rows: &mut dyn Rows,
    which: SessionSelector,
    reason: EndReason,
    change: &ChangeContext,
) -> Result<Committed<Vec<SessionId>>, StoreError> {
    let (SessionSelector::One { user, .. } | SessionSelector::All { user }) = which;
    let Some((account, _)) = rows.lock_account(user).await? else {
        return commit_with_events(rows, Vec::new(), Vec::new()).await;
    };
    let mut events = EventList::new(&account, change);
    let ended = match which {
        SessionSelector::All { .. } => end_all(rows, user, None, reason, &mut events).await?,
        SessionSelector::One { session, .. } => {
            let session = rows.session(user, session).await?;
            match session.filter(|session| session.end.is_none()) {
                // The session may have expired, and a refresh have opened the next one.
                Some(session) => end_families(rows, &[session.family], reason, &mut events).await?,
                None => Vec::new(),
            }
        }
    };
    commit_with_events(rows, ended, events.into()).await
}

/// Ends all sessions of several users, and deletes their one-time codes: after a backup was restored,
/// used ones are valid again.
pub(crate) async fn end_of_users(
    rows: &mut dyn Rows,
    users: &[UserId],
    reason: EndReason,
    change: &ChangeContext,
) -> Result<Committed<Vec<SessionId>>, StoreError> {
    rows.lock_administration().await?;
    let (mut ended, mut recorded) = (Vec::new(), Vec::new());
    for user in users {
        let Some((account, _)) = rows.lock_account(*user).await? else { continue };
        rows.delete_codes(*user, None).await?;
        let mut events = EventList::new(&account, change);
        ended.extend(end_all(rows, *user, None, reason, &mut events).await?);
        recorded.extend(Vec::from(events));
    }
    commit_with_events(rows, ended, recorded).await
}

/// Ends all active sessions of a user except one, and revokes all families. Families outlive their
/// sessions, so some have no active session. Families come first, in the order of locks.
pub(super) async fn end_all(
    rows: &mut dyn Rows,
    user: UserId,
    kept: Option<SessionId>,
    reason: EndReason,
    events: &mut EventList<'_>,
) -> Result<Vec<SessionId>, StoreError> {
    let at = events.change().at;
    let revoked = rows.revoke_user_families(user).await?;
    let sessions = rows.active_sessions(user, at).await?;
    let ended: Vec<_> =
        sessions.iter().map(|session| session.id).filter(|id| Some(*id) != kept).collect();
    rows.end_active_sessions(user, kept, SessionEnd { at, reason }).await?;
    events.add_ends(&ended, reason);
    let active = sessions.iter().map(|session| session.family).collect();
    events.add_expired(&revoked, &active, reason);
    Ok(ended)
}

/// Ends the active sessions of families, and revokes these.
pub(super) async fn end_families(
    rows: &mut dyn Rows,
    families: &[FamilyId],
    reason: EndReason,
    events: &mut EventList<'_>,
) -> Result<Vec<SessionId>, StoreError> {
    if families.is_empty() {
        return Ok(Vec::new());
    }
    let end = SessionEnd { at: events.change().at, reason };
    let revoked = rows.revoke_families(families).await?;
    let sessions = rows.end_active_sessions_of_families(families, end).await?;
    let (ended, active): (Vec<_>, BTreeSet<_>) = sessions.into_iter().unzip();
    events.add_ends(&ended, reason);
    events.add_expired(&revoked, &active, reason);
    Ok(ended)
}

pub(crate) async fn register_agent(
    rows: &mut dyn Rows,
    id: SessionId,
    user: UserId,
    public_key_pem: &str,
    change: &ChangeContext,
) -> Result<Committed<bool>, StoreError> {
    let Some((account, _)) = rows.lock_account(user).await? else {
        return commit_with_events(rows, false, Vec::new()).await;
    };
    let session = rows.session(user, id).await?;
    let is_active = session.is_some_and(|session| session.is_active(change.at));
    if !is_active || !rows.set_agent_key(id, public_key_pem).await? {
        return commit_with_events(rows, false, Vec::new()).await;
    }
    let mut events = EventList::new(&account, change);
    events.add_for_session(EventKind::AgentRegistered, id, None);
    commit_with_events(rows, true, events.into()).await
}

impl<'a> EventList<'a> {
    pub(super) fn new(account: &Account, change: &'a ChangeContext) -> Self {
        Self { user: AuditIdentity::account(account.id, &account.name), change, list: Vec::new() }
    }

    /// Adds a success without a session.
    pub(super) fn add(&mut self, kind: EventKind, reason: Option<Reason>) {
        self.push(kind, Outcome::Success, None, reason);
    }

    /// Adds a failure without a session.
    pub(super) fn add_failure(&mut self, kind: EventKind, reason: Reason) {
        self.push(kind, Outcome::Failure, None, Some(reason));
    }

    /// Adds a rejected refresh.
    pub(super) fn add_rejected_refresh(&mut self, session: SessionId, reason: Reason) {
        self.push(EventKind::TokenRefresh, Outcome::Failure, Some(session), Some(reason));
    }

    pub(super) fn add_for_session(
        &mut self,
        kind: EventKind,
        id: SessionId,
        reason: Option<Reason>,
    ) {
        self.push(kind, Outcome::Success, Some(id), reason);
    }

    /// Adds the events of ended sessions.
    fn add_ends(&mut self, ended: &[SessionId], reason: EndReason) {
        for id in ended {
            if reason == EndReason::Logout {
                self.add_for_session(EventKind::Logout, *id, None);
            }
            self.add_for_session(EventKind::SessionEnded, *id, Some(Reason::Ended(reason)));
        }
    }

    /// Adds the event of the families that were valid and had no active session. They have no
    /// event of an ended session.
    fn add_expired(
        &mut self,
        revoked: &[RevokedFamily],
        active: &BTreeSet<FamilyId>,
        reason: EndReason,
    ) {
        let at = self.change.at;
        let is_expired =
            |family: &&RevokedFamily| at < family.expires_at && !active.contains(&family.id);
        let sessions = revoked.iter().filter(is_expired).count();
        if sessions > 0 {
            self.add(EventKind::SessionEnded, Some(Reason::ExpiredSessions { sessions, reason }));
        }
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
        self.list.push(AuditEvent { user, session, ..event });
    }

    pub(super) const fn change(&self) -> &'a ChangeContext {
        self.change
    }
}

impl From<EventList<'_>> for Vec<AuditEvent> {
    fn from(events: EventList<'_>) -> Self {
        events.list
    }
}
