//! The checker: finds what no order of the requests of a history explains.
//!
//! A request takes effect between its start and its end, or after its start if its outcome is
//! unknown. The rules claim only what holds for every such order.

mod accounts;
mod audit_log;
mod families;
mod guesses;
mod losses;
mod refreshes;
mod revocations;
#[cfg(test)]
mod sample;

use std::time::Duration;

use families::UserHistory;

use crate::soak::history::Request;

/// What the checker has to know about the portals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long each node may accept an access token after its revocation was acknowledged.
    pub(crate) access_bounds: [Duration; 2],
    /// For how long a repeated refresh returns the same successor.
    pub(crate) grace: Duration,
    /// How long after its start a request with an unknown outcome can take effect.
    pub(crate) max_delay: Duration,
    /// How many sessions a user can have.
    pub(crate) max_sessions: usize,
    /// How many wrong passwords of a source are evaluated: the threshold of the lockout, and the
    /// permits of all nodes.
    pub(crate) max_guesses: usize,
}

/// A record of the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The id of the request that caused it, if one of the history did.
    pub(crate) request: Option<usize>,
    pub(crate) event: String,
    pub(crate) is_success: bool,
    pub(crate) reason: Option<String>,
}

/// Returns descriptions of all violations in a history and its audit log.
pub(crate) fn violations(
    history: &[Request],
    records: &[Record],
    settings: &Settings,
) -> Vec<String> {
    let mut violations = Vec::new();
    let users = history.iter().map(|request| request.user + 1).max().unwrap_or_default();
    let users: Vec<_> = (0..users).map(|user| UserHistory::new(history, user)).collect();
    for user in &users {
        violations.extend(revocations::check(user, settings));
        violations.extend(accounts::check(user, settings));
        violations.extend(losses::check(user, settings));
        violations.extend(audit_log::check(user, records, settings));
    }
    violations.extend(refreshes::check(history, records));
    violations.extend(guesses::check(history, records, settings));
    violations.extend(audit_log::check_origins(history, records));
    violations
}
