//! What decides whether a refresh token is rejected, however it was used before.

use std::sync::Arc;
use std::time::Duration;

use super::RefreshTokenRow;
use crate::account::Account;
use crate::audit::Reason;
use crate::session::{RefreshCheck, Session};
use crate::{SessionId, Timestamp, time};

/// A refresh token that the store knows, with its family, its session and its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshTokenState {
    /// The account of its user.
    pub account: Arc<Account>,
    /// The session of the token.
    pub session: SessionId,
    /// The time at which the user last presented the password: that of the session.
    pub authenticated_at: Timestamp,
    /// The time at which the token expires (exclusive).
    pub expires_at: Timestamp,
    /// Whether its family is revoked, or does not exist.
    pub is_revoked: bool,
    /// The time at which it was consumed, if it was.
    pub consumed_at: Option<Timestamp>,
}

/// How long the use of a token may wait for the store after its time was taken: for connections,
/// locks and repetitions, on a node that may be suspended meanwhile.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Returns whether the use of a consumed token is a retry, and not reuse.
///
/// A use that began before the token was consumed has lost a race, however long it has waited since,
/// also if the clocks of nodes differ. Without a grace period there are no retries.
pub(crate) fn is_retry(at: Timestamp, consumed_at: Timestamp, grace: Duration) -> bool {
    let elapsed = at.duration_since(consumed_at);
    let max = if elapsed.is_negative() { grace.max(MAX_WAIT) } else { grace };
    !grace.is_zero() && elapsed.unsigned_abs() < max
}

impl RefreshTokenState {
    /// Returns the state of a token, from its rows.
    #[must_use]
    pub fn new(
        token: &RefreshTokenRow,
        session: &Session,
        account: &Arc<Account>,
        is_revoked: bool,
    ) -> Self {
        Self {
            account: Arc::clone(account),
            session: session.id,
            authenticated_at: session.authenticated_at,
            expires_at: token.expires_at,
            is_revoked,
            consumed_at: token.consumed.as_ref().map(|consumed| consumed.at),
        }
    }

    /// Returns why the token is rejected. No later change makes it valid: families stay revoked,
    /// those of a disabled account are, and times of tokens and logins do not change.
    pub(crate) fn rejection(&self, login_ttl: Duration, now: Timestamp) -> Option<Reason> {
        if self.account.is_disabled {
            Some(Reason::AccountDisabled)
        } else if self.is_revoked {
            Some(Reason::TokenRevoked)
        } else if now >= time::add(self.authenticated_at, login_ttl) {
            Some(Reason::LoginExpired)
        } else if now >= self.expires_at {
            Some(Reason::TokenExpired)
        } else {
            None
        }
    }

    pub(crate) fn check(self, login_ttl: Duration, now: Timestamp) -> RefreshCheck {
        let rejection = self.rejection(login_ttl, now);
        let Self { account, session, consumed_at, .. } = self;
        RefreshCheck::Known { account, session, consumed_at, rejection }
    }
}
