//! Decisions that have to wait: for the policy, for an owner, or for the audit log.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use tracing::Instrument as _;

use super::ownership::Known;
use super::{Circumstances, Denial, Permission, Permit, Policy, PolicyProvider, Requirement};
use crate::audit::{AuditEvent, AuditTrail, EventKind, Outcome, OverrideReason, Reason};
use crate::rate_limit::RequestHead;
use crate::{Origin, Principal, Rejection, UnixTime};

/// What is decided by.
#[derive(Clone)]
pub(super) struct Decider {
    pub(super) policy: Arc<dyn PolicyProvider>,
    pub(super) requirement: Requirement,
    pub(super) is_overridable: bool,
    needs_time: bool,
    audit: AuditTrail,
}

/// Who asks, from where, and whether they ask to override.
pub(super) struct Case {
    principal: Principal,
    origin: Origin,
    plea: Plea,
}

/// Whether somebody asks to override what is denied.
enum Plea {
    None,
    /// Without a reason that is taken.
    Unexplained,
    Explained(OverrideReason),
}

impl Decider {
    pub(super) fn new(
        policy: Arc<dyn PolicyProvider>,
        requirement: Requirement,
        audit: AuditTrail,
    ) -> Self {
        let needs_time = requirement.needs_time();
        Self { policy, requirement, is_overridable: false, needs_time, audit }
    }

    /// The time, where it matters.
    pub(super) fn now(&self) -> Option<UnixTime> {
        if self.needs_time { self.audit.now() } else { None }
    }

    pub(super) async fn decide(self, case: Case, known: Known) -> Result<Permit, Rejection> {
        let policy = self.policy.policy().await.map_err(|error| {
            tracing::error!(%error, "nobody may do anything");
            Rejection::Unavailable("the policy can't be had")
        })?;
        let is_own = match known {
            Known::Known(is_own) => is_own,
            Known::Waiting(finding) => finding.await?,
        };
        let circumstances = Circumstances { is_own, now: self.now() };
        match policy.decide(&case.principal, &self.requirement, &circumstances) {
            Ok(permit) => Ok(permit),
            Err(denial) => self.deny(&policy, case, circumstances, denial).await,
        }
    }

    async fn deny(
        &self,
        policy: &Policy,
        case: Case,
        circumstances: Circumstances,
        denial: Denial,
    ) -> Result<Permit, Rejection> {
        if matches!(case.plea, Plea::None) {
            return Err(self.denied(&case, EventKind::PermissionDenied, denial).await);
        }
        let permission = Permission::of_ours("policy:override");
        let may = self.is_overridable
            && !self.requirement.asks_for_deletion()
            && self.requirement.is_met_by_override(&case.principal, &circumstances)
            && policy.permits(case.principal.roles(), &permission);
        if let (true, Plea::Explained(reason)) = (may, &case.plea) {
            let event = case.event(
                self.time()?,
                EventKind::PolicyOverride,
                Reason::Override(reason.clone()),
            );
            self.record(AuditEvent { outcome: Outcome::Success, ..event }).await?;
            return Ok(Permit::overridden(case.principal.clone(), reason.clone()));
        }
        self.denied(&case, EventKind::PolicyViolation, denial.clone()).await;
        Err(self.denied(&case, EventKind::PermissionDenied, denial).await)
    }

    /// Records a denial, which stands whether that can be done or not.
    async fn denied(&self, case: &Case, kind: EventKind, denial: Denial) -> Rejection {
        let reason = Reason::Policy(denial.to_string());
        let recorded = match self.time() {
            Ok(at) => self.record(case.event(at, kind, reason)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, event = kind.as_str(), "a denial can't be recorded");
        }
        Rejection::PermissionDenied(denial)
    }

    /// Whoever hangs up is recorded all the same.
    async fn record(&self, event: AuditEvent) -> Result<(), Rejection> {
        let audit = self.audit.clone();
        let append = async move { audit.append(event).await };
        let done = tokio::spawn(append.in_current_span()).await;
        Ok(done.map_err(|_| Rejection::Unavailable("the event was not recorded"))??)
    }

    fn time(&self) -> Result<UnixTime, Rejection> {
        self.audit.now().ok_or(Rejection::Unavailable("the clock tells no time"))
    }
}

impl Case {
    pub(super) fn of(principal: &Principal, head: &RequestHead<'_>) -> Self {
        Self {
            principal: principal.clone(),
            origin: Origin::of(head.extensions(), head.headers()),
            plea: Plea::of(head.headers()),
        }
    }

    fn event(&self, at: UnixTime, kind: EventKind, reason: Reason) -> AuditEvent {
        AuditEvent {
            at,
            kind,
            outcome: Outcome::Failure,
            user: Some(self.principal.party()),
            actor: None,
            session: self.principal.session_id(),
            origin: self.origin.clone(),
            reason: Some(reason),
        }
    }
}

impl Plea {
    fn of(headers: &HeaderMap) -> Self {
        let is_true = |asks: &HeaderValue| asks.as_bytes().eq_ignore_ascii_case(b"true");
        if !headers.get_all("x-admin-override").iter().any(is_true) {
            return Self::None;
        }
        let reason =
            only(headers, "x-override-reason").and_then(|reason| str::from_utf8(reason).ok());
        let is_clear = only(headers, "x-admin-override").is_some();
        let reason = reason.filter(|_| is_clear).and_then(OverrideReason::new);
        reason.map_or(Self::Unexplained, Self::Explained)
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

impl fmt::Debug for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decider")
            .field("requirement", &self.requirement)
            .field("is_overridable", &self.is_overridable)
            .finish_non_exhaustive()
    }
}
