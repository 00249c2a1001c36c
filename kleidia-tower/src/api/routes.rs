//! The groups of routes of an API.

/// A group of routes of an [`Api`](super::Api).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ApiRoutes {
    /// `/auth/login`, `/auth/refresh`, `/auth/logout`, `/auth/logout-all`, `/auth/password`.
    Authentication,
    /// `/session`, `/session/events`, `/session/{id}`, `/session/{id}/register-agent`. The events have
    /// the audit log only with [`Self::Audit`].
    Sessions,
    /// `/session/factor`, `/session/factors` and the routes below it.
    Factors,
    /// `/whoami`.
    Whoami,
    /// `/users/{id}`.
    Users,
    /// `/admin/users` and the routes below it.
    Administration,
    /// `/admin/audit`.
    Audit,
    /// `/health`.
    Health,
}

impl ApiRoutes {
    /// All groups.
    pub const ALL: [Self; 8] = [
        Self::Authentication,
        Self::Sessions,
        Self::Factors,
        Self::Whoami,
        Self::Users,
        Self::Administration,
        Self::Audit,
        Self::Health,
    ];
}
