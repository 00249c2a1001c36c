//! Authorisation that waits: for the policy, for the owner, or for the audit log.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::ownership::OwnerCheck;
use super::{AccessContext, Denial, Permit, Policy, PolicyProvider, Requirement};
use crate::audit::{AuditEvent, AuditTrail, EventKind, Outcome, OverrideReason, Reason};
use crate::rate_limit::RequestHead;
use crate::telemetry::log_unavailable;
use crate::{Principal, Rejection, RequestInfo, Timestamp};

/// Decides about access requests, and records denials and overrides.
#[derive(Clone)]
pub(super) struct Authorizer {
    pub(super) policy: Arc<dyn PolicyProvider>,
    pub(super) requirement: Requirement,
    pub(super) is_overridable: bool,
    needs_time: bool,
    audit: AuditTrail,
}

/// What the audit log records of a request.
pub(super) struct AccessRequest {
    principal: Principal,
    info: RequestInfo,
    override_request: OverrideRequest,
}

/// Whether a request asks to override a denial.
enum OverrideRequest {
    None,
    /// Without a valid reason.
    MissingReason,
    WithReason(OverrideReason),
}

impl Authorizer {
    pub(super) fn new(
        policy: Arc<dyn PolicyProvider>,
        requirement: Requirement,
        audit: AuditTrail,
    ) -> Self {
        let needs_time = requirement.needs_time();
        Self { policy, requirement, is_overridable: false, needs_time, audit }
    }

    /// Returns the time, if the requirement needs it.
    pub(super) fn now(&self) -> Option<Timestamp> {
        if self.needs_time { self.audit.now() } else { None }
    }

    pub(super) async fn authorize(
        self: Arc<Self>,
        request: AccessRequest,
        owner: OwnerCheck,
    ) -> Result<(Permit, AccessContext), Rejection> {
        let policy = self.policy.policy().await.map_err(|error| {
            log_unavailable("policy", &error);
            Rejection::Unavailable("policy unavailable")
        })?;
        let is_owner = match owner {
            OwnerCheck::Ready(is_owner) => is_owner,
            OwnerCheck::Pending(lookup) => lookup.await?,
        };
        let context = AccessContext { is_owner, now: self.now() };
        let permit = match policy.decide(&request.principal, &self.requirement, &context) {
            Ok(permit) => permit,
            Err(denial) => self.deny(&policy, request, context, denial).await?,
        };
        Ok((permit, context))
    }

    async fn deny(
        &self,
        policy: &Policy,
        request: AccessRequest,
        context: AccessContext,
        denial: Denial,
    ) -> Result<Permit, Rejection> {
        if let OverrideRequest::WithReason(reason) = &request.override_request
            && self.is_overridable
            && let Some(permit) = policy.decide_override(
                &request.principal,
                &self.requirement,
                &context,
                reason.clone(),
            )
        {
            let reason = Reason::Override(reason.clone());
            let at = self.audit.now().ok_or(Rejection::Unavailable("clock unavailable"))?;
            let event = request.event(at, EventKind::PolicyOverride, reason);
            let event = AuditEvent { outcome: Outcome::Success, ..event };
            self.audit.append_detached(vec![event]).await?;
            return Ok(permit);
        }
        let denied = match request.override_request {
            OverrideRequest::None => &[EventKind::PermissionDenied][..],
            _ => &[EventKind::PolicyViolation, EventKind::PermissionDenied],
        };
        let reason = Reason::Policy(denial.to_string());
        self.audit.record_denial(|at| {
            let event = |kind: &EventKind| request.event(at, *kind, reason.clone());
            denied.iter().map(event).collect()
        });
        Err(denial.into())
    }
}

impl AccessRequest {
    pub(super) fn new(principal: &Principal, head: &RequestHead<'_>) -> Self {
        Self {
            principal: principal.clone(),
            info: RequestInfo::from_head(head),
            override_request: OverrideRequest::from_headers(head.headers()),
        }
    }

    fn event(&self, at: Timestamp, kind: EventKind, reason: Reason) -> AuditEvent {
        AuditEvent::from_request(&self.principal, self.info.clone(), at, kind, reason)
    }
}

impl OverrideRequest {
    fn from_headers(headers: &HeaderMap) -> Self {
        let is_true = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"true");
        if !headers.get_all("x-admin-override").iter().any(is_true) {
            return Self::None;
        }
        let reason = single_value(headers, "x-override-reason")
            .and_then(|reason| str::from_utf8(reason).ok());
        let is_unambiguous = single_value(headers, "x-admin-override").is_some();
        let reason = reason.filter(|_| is_unambiguous).and_then(OverrideReason::new);
        reason.map_or(Self::MissingReason, Self::WithReason)
    }
}

/// Returns the value of a header with a single line.
fn single_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer")
            .field("requirement", &self.requirement)
            .field("is_overridable", &self.is_overridable)
            .finish_non_exhaustive()
    }
}
