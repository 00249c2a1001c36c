//! What one client receives: the roles of its account, and the audit log while they permit that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Error;
use axum::response::sse::Event;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::audit_feed::AuditFeed;
use super::audit_reader::AuditReader;
use crate::Rejection;
use crate::account::Accounts;
use crate::api::whoami::Access;
use crate::rbac::{Permission, Policy, PolicyError};
use crate::session::SessionView;
use crate::telemetry::log_unavailable;

/// How often a comment tells the client, and the proxies before it, that the stream is open. The
/// permissions are looked up as often, since the policy can change without the roles, and before a
/// record is sent that a slow client has not read for as long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The state of a client's stream.
pub(super) struct Subscriber {
    accounts: Accounts,
    /// The session, as each check of the stream finds it.
    views: watch::Receiver<SessionView>,
    /// `None` if the API does not serve the audit log.
    feed: Option<Arc<AuditFeed>>,
    /// The position in the audit log at which the client continues.
    after: Option<u64>,
    /// What was last sent.
    access: Access,
    /// The events to send before the audit log.
    pending: VecDeque<Event>,
    /// The audit log, if the roles permit it.
    audit: Option<AuditReader>,
    /// When the policy was looked up, with these roles. Without it, no record is sent.
    checked_at: Option<Instant>,
    keep_alive: Interval,
}

impl Subscriber {
    /// Begins with the current roles and permissions.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the policy is unavailable.
    pub(super) async fn new(
        accounts: Accounts,
        mut views: watch::Receiver<SessionView>,
        feed: Option<Arc<AuditFeed>>,
        after: Option<u64>,
    ) -> Result<Self, Rejection> {
        let policy = policy(&accounts).await;
        let policy = policy.map_err(|_| Rejection::Unavailable("policy unavailable"))?;
        let access = Access::new(&policy, &views.borrow_and_update().account.roles);
        let mut keep_alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let roles = Event::default().event("roles").json_data(&access);
        let roles = roles.map_err(|_| Rejection::Unavailable("roles not serializable"))?;
        Ok(Self {
            accounts,
            views,
            feed,
            after,
            access,
            pending: VecDeque::from([roles]),
            audit: None,
            checked_at: None,
            keep_alive,
        })
    }

    /// Waits for the next event. Returns `None` when nothing checks the session any more.
    pub(super) async fn next(&mut self) -> Option<Result<Event, Error>> {
        loop {
            if (!self.is_current() || self.views.has_changed().ok()?)
                && let Err(error) = self.update_access().await
            {
                return Some(Err(error));
            }
            if let Some(event) = self.pending.pop_front() {
                return Some(Ok(event));
            }
            let is_current = self.is_current();
            let mut audit = self.audit.as_mut().filter(|_| is_current);
            if let Some(event) = audit.as_mut().and_then(|audit| audit.next_buffered()) {
                return Some(Ok(event));
            }
            tokio::select! {
                biased;
                changed = self.views.changed() => {
                    self.checked_at = None;
                    changed.ok()?;
                }
                _ = self.keep_alive.tick() => {
                    self.checked_at = None;
                    return Some(Ok(Event::default().comment("")));
                }
                // What is delivered depends on the policy after the wait.
                () = fill(audit) => self.checked_at = None,
            }
        }
    }

    /// Returns whether the permissions were looked up recently.
    fn is_current(&self) -> bool {
        self.checked_at.is_some_and(|at| at.elapsed() < KEEP_ALIVE)
    }

    /// Looks up the permissions of the current roles. While the policy is unavailable, nothing of
    /// the audit log is sent.
    async fn update_access(&mut self) -> Result<(), Error> {
        let roles = self.views.borrow_and_update().account.roles.clone();
        let now = Instant::now();
        let policy = policy(&self.accounts).await;
        self.checked_at = policy.is_ok().then_some(now);
        let Ok(policy) = policy else { return Ok(()) };
        if !policy.permits(&roles, &Permission::built_in("audit:read")) {
            self.audit = None;
        } else if self.audit.is_none() {
            let after = self.after.take();
            self.audit = self.feed.as_ref().map(|feed| feed.subscribe(after));
        }
        let access = Access::new(&policy, &roles);
        if access != self.access {
            let changed = Event::default().event("roles-changed").json_data(&access)?;
            self.access = access;
            self.pending.push_back(changed);
        }
        Ok(())
    }
}

async fn policy(accounts: &Accounts) -> Result<Policy, PolicyError> {
    let policy = accounts.policy().policy().await;
    policy.inspect_err(|error| log_unavailable("policy", error))
}

/// Waits for records of the audit log; without it, for ever.
async fn fill(audit: Option<&mut AuditReader>) {
    match audit {
        Some(audit) => audit.fill().await,
        None => std::future::pending().await,
    }
}
