//! The locks of the statements on PostgreSQL, and what each statement is without its lock.

/// A lock that a statement takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lock {
    Administration,
    Account,
    Failures,
    Sealing,
    RefreshToken,
    Touched,
    PurgedTokens,
    PurgedSessions,
    PurgedFamilies,
    PurgedFailures,
    PurgedCodes,
}

/// The same without the insertion that locks. The fixture has the row.
const UNLOCKED_FAILURES: &str = "SELECT coalesce(max(failures), 0) AS failures, \
    coalesce(max(pending), 0) AS pending, coalesce(max(pending_at), 0) AS pending_at, \
    coalesce(max(last_failure_at), 0) AS last_failure_at, \
    coalesce(max(locked_until), 0) AS locked_until, coalesce(max(forgotten_at), 0) AS forgotten_at, \
    max(succeeded_at) AS succeeded_at, coalesce(max(expires_at), 0) AS expires_at \
    FROM failures WHERE name_digest = $1 AND source = ''";

impl Lock {
    pub(crate) const ALL: [Self; 11] = [
        Self::Administration,
        Self::Account,
        Self::Failures,
        Self::Sealing,
        Self::RefreshToken,
        Self::Touched,
        Self::PurgedTokens,
        Self::PurgedSessions,
        Self::PurgedFamilies,
        Self::PurgedFailures,
        Self::PurgedCodes,
    ];

    /// Returns how the statement starts, and the clause that locks.
    pub(crate) const fn statement(self) -> (&'static str, &'static str) {
        match self {
            Self::Administration => ("SELECT id FROM administration", " FOR UPDATE"),
            Self::Account => ("WITH locked AS MATERIALIZED", " FOR NO KEY UPDATE"),
            Self::Failures => (
                "INSERT INTO failures (name_digest, source) VALUES ($1, '')",
                " ON CONFLICT (name_digest, source) DO UPDATE SET failures = failures.failures",
            ),
            Self::Sealing => ("SELECT ", "pg_advisory_xact_lock($1)"),
            Self::RefreshToken => {
                ("SELECT digest, family, session", " FOR NO KEY UPDATE OF refresh_tokens")
            }
            Self::Touched => ("WITH seen AS", " FOR NO KEY UPDATE OF sessions SKIP LOCKED"),
            Self::PurgedTokens => ("DELETE FROM refresh_tokens", " FOR UPDATE SKIP LOCKED"),
            Self::PurgedSessions => ("DELETE FROM sessions", " FOR UPDATE OF sessions SKIP LOCKED"),
            Self::PurgedFamilies => ("DELETE FROM families", " FOR UPDATE SKIP LOCKED"),
            Self::PurgedFailures => {
                ("DELETE FROM failures WHERE (name_digest, source)", " FOR UPDATE SKIP LOCKED")
            }
            Self::PurgedCodes => {
                ("DELETE FROM one_time_codes WHERE digest IN", " FOR UPDATE SKIP LOCKED")
            }
        }
    }

    /// Returns whether a statement takes the lock.
    pub(crate) fn is_taken_by(self, statement: &str) -> bool {
        let (start, clause) = self.statement();
        statement.starts_with(start) && statement.contains(clause)
    }

    /// Returns the statement without the lock; `None` if it does not take it.
    pub(crate) fn remove_from(self, statement: &str) -> Option<String> {
        if !self.is_taken_by(statement) {
            return None;
        }
        let (_, clause) = self.statement();
        Some(match self {
            Self::Failures => UNLOCKED_FAILURES.to_owned(),
            Self::Sealing => statement.replace(clause, "$1::bigint"),
            _ => statement.replace(clause, ""),
        })
    }
}
