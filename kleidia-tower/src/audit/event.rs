//! The events of the audit log.

use std::fmt;

use super::{AuditedRequest, Reason};
use crate::{ClientInfo, Principal, RequestInfo, SessionId, Timestamp, UserId, UserName};

/// An event to record. It never contains secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The time of the event. Records keep whole seconds.
    pub at: Timestamp,
    /// The kind of the event.
    pub kind: EventKind,
    /// Whether the operation succeeded.
    pub outcome: Outcome,
    /// The affected account or workload. `None` if no account has the name that was typed, since
    /// people type passwords into that field.
    pub user: Option<AuditIdentity>,
    /// The account or workload that caused the event, if it is not the user.
    pub actor: Option<AuditIdentity>,
    /// The session that the event is about.
    pub session: Option<SessionId>,
    /// The client that sent the request.
    pub client: ClientInfo,
    /// What the request asked for. Denials and overrides have it.
    pub request: Option<AuditedRequest>,
    /// The reason of the outcome.
    pub reason: Option<Reason>,
}

/// An account or a workload, as the audit log names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuditIdentity {
    /// The id of the account; `None` for workloads and the operator.
    pub id: Option<UserId>,
    /// The user name of the account, the subject of the workload, or `operator`.
    pub name: String,
}

/// The kind of an event. [`as_str`](Self::as_str) returns its name, such as `login.success`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A login succeeded.
    LoginSuccess,
    /// A login failed.
    LoginFailure,
    /// A lock started, or a login was rejected because of one.
    LoginLocked,
    /// An admin removed all locks of an account.
    LoginUnlocked,
    /// A user ended a session by logging out.
    Logout,
    /// A refresh token was exchanged, or rejected although it is known.
    TokenRefresh,
    /// A refresh token was used again after the grace period.
    TokenReuse,
    /// A session was opened.
    SessionCreated,
    /// A session was ended before it expired. Without a session it stands for expired ones, which
    /// cannot be reopened any more ([`Reason::ExpiredSessions`]).
    SessionEnded,
    /// Open streams of a session were ended, since requests of the session would be rejected.
    StreamEnded,
    /// A principal did not meet a requirement.
    PermissionDenied,
    /// A password was changed.
    PasswordChanged,
    /// An admin required a user to change the password.
    PasswordExpired,
    /// A one-time code was issued, with which the owner of an account sets a password.
    RecoveryIssued,
    /// A password was set with a one-time code, or the code was rejected.
    RecoveryUsed,
    /// An account was created.
    UserCreated,
    /// An account was renamed. The reason is the new name.
    UserRenamed,
    /// The personal data of an account was erased.
    UserErased,
    /// The profile of an account was replaced.
    ProfileChanged,
    /// An account was disabled.
    UserDisabled,
    /// An account was enabled.
    UserEnabled,
    /// The roles of an account were changed.
    RoleChanged,
    /// The key of the audit log was replaced.
    KeyReplaced,
    /// The key of an agent was bound to a session.
    AgentRegistered,
    /// A user has enrolled a factor.
    FactorAdded,
    /// A factor was removed, by its user or by an admin.
    FactorRemoved,
    /// A user has presented a factor.
    FactorUsed,
    /// A factor was wrong, or its verification is locked.
    FactorFailed,
    /// A denial was overridden.
    PolicyOverride,
    /// An override of a denial was rejected.
    PolicyViolation,
}

/// Whether an operation succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The operation succeeded.
    Success,
    /// The operation was rejected.
    Failure,
}

impl AuditEvent {
    /// Creates the event of a request that was rejected.
    pub(crate) fn from_request(
        principal: &Principal,
        info: RequestInfo,
        at: Timestamp,
        kind: EventKind,
        reason: Reason,
    ) -> Self {
        let RequestInfo { client, request } = info;
        Self {
            at,
            kind,
            outcome: Outcome::Failure,
            user: Some(principal.audit_identity()),
            actor: None,
            session: principal.session_id(),
            client,
            request,
            reason: Some(reason),
        }
    }
}

impl AuditIdentity {
    /// Returns the identity of an account.
    #[must_use]
    pub fn account(id: UserId, name: &UserName) -> Self {
        Self { id: Some(id), name: name.to_string() }
    }

    /// Returns the identity of an operator, who runs commands on a machine of the service. Unlike an
    /// account of this name, it has no id.
    #[must_use]
    pub fn operator() -> Self {
        Self { id: None, name: "operator".to_owned() }
    }
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 30] = [
        Self::LoginSuccess,
        Self::LoginFailure,
        Self::LoginLocked,
        Self::LoginUnlocked,
        Self::Logout,
        Self::TokenRefresh,
        Self::TokenReuse,
        Self::SessionCreated,
        Self::SessionEnded,
        Self::StreamEnded,
        Self::PermissionDenied,
        Self::PasswordChanged,
        Self::PasswordExpired,
        Self::RecoveryIssued,
        Self::RecoveryUsed,
        Self::UserCreated,
        Self::UserRenamed,
        Self::UserErased,
        Self::ProfileChanged,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::RoleChanged,
        Self::KeyReplaced,
        Self::AgentRegistered,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::FactorUsed,
        Self::FactorFailed,
        Self::PolicyOverride,
        Self::PolicyViolation,
    ];

    /// Returns the name, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoginSuccess => "login.success",
            Self::LoginFailure => "login.failure",
            Self::LoginLocked => "login.locked",
            Self::LoginUnlocked => "login.unlocked",
            Self::Logout => "logout",
            Self::TokenRefresh => "token.refresh",
            Self::TokenReuse => "token.reuse",
            Self::SessionCreated => "session.created",
            Self::SessionEnded => "session.ended",
            Self::StreamEnded => "stream.ended",
            Self::PermissionDenied => "permission.denied",
            Self::PasswordChanged => "password.changed",
            Self::PasswordExpired => "password.expired",
            Self::RecoveryIssued => "recovery.issued",
            Self::RecoveryUsed => "recovery.used",
            Self::UserCreated => "user.created",
            Self::UserRenamed => "user.renamed",
            Self::UserErased => "user.erased",
            Self::ProfileChanged => "profile.changed",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::RoleChanged => "role.changed",
            Self::KeyReplaced => "key.replaced",
            Self::AgentRegistered => "agent.registered",
            Self::FactorAdded => "factor.added",
            Self::FactorRemoved => "factor.removed",
            Self::FactorUsed => "factor.used",
            Self::FactorFailed => "factor.failed",
            Self::PolicyOverride => "policy.override",
            Self::PolicyViolation => "policy.violation",
        }
    }

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Outcome {
    /// Returns `success` or `failure`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// Returns the outcome with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Success, Self::Failure].into_iter().find(|outcome| outcome.as_str() == name)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
