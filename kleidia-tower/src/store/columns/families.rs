//! Families, their refresh tokens and their sessions, as rows of the database have them.

use super::{Columns, SqlRow, Value};
use crate::store::rows::{Consumed, RefreshTokenRow, RefreshTokenState, RevokedFamily};
use crate::{FamilyId, SessionId, TokenDigest, WrappedToken};

impl<R: SqlRow> Columns<'_, R> {
    /// Reads a refresh token and whether its family is revoked, from a join of both.
    pub(in crate::store) fn refresh_token(&self) -> Value<(RefreshTokenRow, bool)> {
        let consumed = match self.optional_time("consumed_at")? {
            Some(at) => Some(Consumed {
                at,
                successor: TokenDigest(self.digest("successor")?),
                wrapped: WrappedToken(self.digest("wrapped")?),
            }),
            None => None,
        };
        let token = RefreshTokenRow {
            digest: TokenDigest(self.digest("digest")?),
            family: self.family("family")?,
            session: SessionId::new(self.integer("session")?),
            expires_at: self.time("expires_at")?,
            consumed,
        };
        Ok((token, self.boolean("is_revoked")?))
    }

    /// Reads the state of a refresh token, from a join with its family, its session and its
    /// account.
    pub(in crate::store) fn refresh_token_state(&self) -> Value<RefreshTokenState> {
        Ok(RefreshTokenState {
            account: self.shared_account()?,
            session: SessionId::new(self.integer("session")?),
            authenticated_at: self.time("authenticated_at")?,
            expires_at: self.time("expires_at")?,
            is_revoked: self.boolean("is_revoked")?,
            consumed_at: self.optional_time("consumed_at")?,
        })
    }

    fn family(&self, name: &str) -> Value<FamilyId> {
        self.integer(name).map(FamilyId::new)
    }
}

/// Returns the sessions that an update has ended, oldest first: it returns them in any order.
pub(in crate::store) fn ended_sessions<R: SqlRow>(rows: &[R]) -> Value<Vec<(SessionId, FamilyId)>> {
    let ended = rows.iter().map(Columns);
    let ended = ended.map(|row| Ok((SessionId::new(row.integer("id")?), row.family("family")?)));
    let mut ended = ended.collect::<Value<Vec<_>>>()?;
    ended.sort_unstable();
    Ok(ended)
}

/// Returns the families that an update has revoked.
pub(in crate::store) fn revoked_families<R: SqlRow>(rows: &[R]) -> Value<Vec<RevokedFamily>> {
    let revoked = rows.iter().map(Columns);
    let revoked = revoked.map(|row| {
        Ok(RevokedFamily { id: row.family("id")?, expires_at: row.time("expires_at")? })
    });
    revoked.collect()
}
