//! What is recorded: who did what, from where, and how it ended.

use std::fmt;

use crate::{ClientInfo, SessionId, Timestamp, UserId, UserName};

use super::Reason;

/// Something that happened, to be recorded. No field can hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Whom it concerns. Names that are no account's are left out: people type passwords there.
    pub user: Option<AuditIdentity>,
    /// Who caused it, where that is not the user.
    pub actor: Option<AuditIdentity>,
    /// In which session.
    pub session: Option<SessionId>,
    /// From where.
    pub client: ClientInfo,
    /// Why.
    pub reason: Option<Reason>,
}

/// Somebody in the audit log: an account, or a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditIdentity {
    /// The number of the account; `None` for workloads.
    pub id: Option<UserId>,
    /// The name of the account, or the subject of the workload.
    pub name: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named as it is written")]
pub enum EventKind {
    LoginSuccess,
    LoginFailure,
    LoginLocked,
    LoginUnlocked,
    Logout,
    TokenRefresh,
    TokenReuse,
    SessionCreated,
    SessionEnded,
    PermissionDenied,
    PasswordChanged,
    UserCreated,
    UserDisabled,
    UserEnabled,
    RoleChanged,
    AgentRegistered,
    PolicyOverride,
    PolicyViolation,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// As it was meant.
    Success,
    /// It was refused.
    Failure,
}

impl AuditIdentity {
    /// The account of this number and name.
    #[must_use]
    pub fn account(id: UserId, name: &UserName) -> Self {
        Self { id: Some(id), name: name.to_string() }
    }
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::LoginSuccess,
        Self::LoginFailure,
        Self::LoginLocked,
        Self::LoginUnlocked,
        Self::Logout,
        Self::TokenRefresh,
        Self::TokenReuse,
        Self::SessionCreated,
        Self::SessionEnded,
        Self::PermissionDenied,
        Self::PasswordChanged,
        Self::UserCreated,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::RoleChanged,
        Self::AgentRegistered,
        Self::PolicyOverride,
        Self::PolicyViolation,
    ];

    /// Its name.
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
            Self::PermissionDenied => "permission.denied",
            Self::PasswordChanged => "password.changed",
            Self::UserCreated => "user.created",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::RoleChanged => "role.changed",
            Self::AgentRegistered => "agent.registered",
            Self::PolicyOverride => "policy.override",
            Self::PolicyViolation => "policy.violation",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Outcome {
    /// `success` or `failure`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// The outcome of this name.
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
