//! Helpers that rotate a refresh token and check each possible outcome.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::expected::{Expected, all_ended, expired_sessions, failure, success};
use super::fixture::{REFRESH, SESSION, StoreFixture, at, refresh_token, session_token, time};
use crate::account::Account;
use crate::audit::{EventKind, Reason};
use crate::session::{EndReason, RefreshCheck, Rotation, RotationOutcome, Session, SessionView};
use crate::store::{ChangeContext, Committed};
use crate::{SessionId, Timestamp, WrappedToken};

/// The grace period, in seconds.
pub(super) const GRACE: i64 = 10;

/// Returns a rotation of a token to a proposed successor.
pub(super) fn rotation(presented: u32, successor: u32, second: i64) -> Rotation {
    Rotation {
        presented: refresh_token(presented),
        successor: refresh_token(successor),
        wrapped: wrapped(successor),
        session_token: session_token(successor),
        expires_at: time(second + SESSION),
        refresh_expires_at: time(second + REFRESH),
        login_ttl: Duration::MAX,
        grace: Duration::from_secs(GRACE.unsigned_abs()),
    }
}

pub(super) fn wrapped(successor: u32) -> WrappedToken {
    WrappedToken(refresh_token(successor).0.map(|octet| !octet))
}

impl StoreFixture {
    /// Rotates a token, and checks that a read would have rejected it for the same reason.
    async fn rotate(
        &self,
        rotation: Rotation,
        change: &ChangeContext,
    ) -> Committed<RotationOutcome> {
        let Rotation { presented, login_ttl, .. } = &rotation;
        let check = self.store.check_refresh_token(presented, *login_ttl, change.at);
        let check = check.await.expect("a result");
        let done = self.store.rotate_refresh_token(&rotation, change).await.expect("a result");
        let is_rejected =
            matches!(done.value, RotationOutcome::Invalid | RotationOutcome::AccountDisabled);
        let would_be_rejected = !matches!(check, RefreshCheck::Known { rejection: None, .. });
        assert_eq!(would_be_rejected, is_rejected, "{check:?} {:?}", done.value);
        let recorded = done.records.first().filter(|_| is_rejected);
        let recorded = recorded.map(|record| {
            let user = record.user.as_ref().map(|user| user.name.clone());
            (user, record.session, record.reason.clone())
        });
        let known = match check {
            RefreshCheck::Known { account, session, rejection: Some(reason), .. } => {
                Some((Some(account.name.to_string()), Some(session), Some(reason.to_string())))
            }
            _ => None,
        };
        assert_eq!(known, recorded);
        done
    }

    /// Rotates a token, and checks that its session is extended.
    #[track_caller]
    pub(super) fn refresh(
        &self,
        user: &Account,
        presented: u32,
        successor: u32,
        second: i64,
    ) -> impl Future<Output = Arc<Session>> + Send {
        let here = Location::caller();
        let rotation = rotation(presented, successor, second);
        async move { self.rotate_first(here, user, rotation, &at(second), &[]).await }
    }

    /// Rotates a token, and checks that another session replaces the expired one.
    #[track_caller]
    pub(super) fn refresh_expired(
        &self,
        user: &Account,
        rotation: Rotation,
        change: &ChangeContext,
    ) -> impl Future<Output = Arc<Session>> + Send {
        let here = Location::caller();
        let created = success(EventKind::SessionCreated).with_reason(Reason::SessionExpired);
        async move { self.rotate_first(here, user, rotation, change, &[created]).await }
    }

    async fn rotate_first(
        &self,
        here: &Location<'_>,
        user: &Account,
        rotation: Rotation,
        change: &ChangeContext,
        events: &[Expected],
    ) -> Arc<Session> {
        let done = self.rotate(rotation, change).await;
        let RotationOutcome::Rotated {
            session: SessionView { session, .. }, is_new_session, ..
        } = done.value.clone()
        else {
            panic!("{here}: {:?}", done.value)
        };
        assert_eq!(is_new_session, !events.is_empty(), "{here}: whether a session is opened");
        let events = events.iter().cloned().chain([success(EventKind::TokenRefresh)]);
        let events: Vec<_> = events.map(|event| event.with_session(session.id)).collect();
        self.expect_at(here, done, change, Some(user), &events).await;
        assert_eq!(self.session(&session).await, session, "{here}: stored session");
        session
    }

    /// Uses a token again within the grace period, and checks that it returns the same successor.
    #[track_caller]
    pub(super) fn retry(
        &self,
        user: &Account,
        presented: u32,
        successor: u32,
        second: i64,
    ) -> impl Future<Output = (Arc<Session>, Timestamp)> + Send {
        let here = Location::caller();
        async move {
            // The store must ignore the newly proposed successor.
            let rotation = rotation(presented, successor + 1_000_000, second);
            let done = self.rotate(rotation, &at(second)).await;
            let RotationOutcome::Retried {
                session,
                successor: digest,
                wrapped: stored,
                refresh_expires_at,
                ..
            } = done.value.clone()
            else {
                panic!("{here}: {:?}", done.value)
            };
            assert_eq!(digest, refresh_token(successor), "{here}: the same successor");
            assert_eq!(stored, wrapped(successor), "{here}: the same successor");
            let id = session.session.id;
            let event =
                success(EventKind::TokenRefresh).with_session(id).with_reason(Reason::Retry);
            self.expect_at(here, done, &at(second), Some(user), &[event]).await;
            assert_eq!(self.session(&session.session).await, session.session, "{here}");
            (session.session, refresh_expires_at)
        }
    }

    /// Uses a token after the grace period, and checks that its family is revoked and ends these
    /// sessions.
    #[track_caller]
    pub(super) fn assert_reused(
        &self,
        user: &Account,
        presented: u32,
        session: SessionId,
        ends: &[SessionId],
        second: i64,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let done = self.rotate(rotation(presented, 999_999, second), &at(second)).await;
            let RotationOutcome::Reused(account) = &done.value else {
                panic!("{here}: {:?}", done.value)
            };
            assert_eq!(account.id, user.id, "{here}");
            let mut events = vec![failure(EventKind::TokenReuse).with_session(session)];
            events.extend(all_ended(ends, EndReason::RefreshTokenReuse));
            if ends.is_empty() {
                events.push(expired_sessions(1, EndReason::RefreshTokenReuse));
            }
            self.expect_at(here, done, &at(second), Some(user), &events).await;
            self.assert_invalid(user, &[999_999], second).await;
        }
    }

    /// Checks that tokens are invalid. Each one that is stored is recorded as rejected.
    #[track_caller]
    pub(super) fn assert_invalid(
        &self,
        user: &Account,
        presented: &[u32],
        second: i64,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            for token in presented {
                let done = self.rotate(rotation(*token, 888_888, second), &at(second)).await;
                let is_invalid = matches!(done.value, RotationOutcome::Invalid);
                assert!(is_invalid, "{here}: {token}: {:?}", done.value);
                let reasons = [Reason::TokenExpired, Reason::TokenRevoked, Reason::LoginExpired];
                let found = done.records.first();
                let events = found.map(|record| {
                    let reason = record.reason.clone().unwrap_or_default();
                    let known = reasons.iter().find(|known| known.to_string() == reason);
                    let known = known.unwrap_or_else(|| panic!("{here}: {token}: {reason}"));
                    let session = record.session.unwrap_or_else(|| panic!("{here}: {token}"));
                    failure(EventKind::TokenRefresh)
                        .with_session(session)
                        .with_reason(known.clone())
                });
                let events: Vec<_> = events.into_iter().collect();
                self.expect_at(here, done, &at(second), Some(user), &events).await;
            }
        }
    }

    /// Checks that a token is invalid, and that this is recorded with its session and the reason.
    #[track_caller]
    pub(super) fn assert_rejected(
        &self,
        user: &Account,
        rotation: Rotation,
        session: SessionId,
        reason: Reason,
        second: i64,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let done = self.rotate(rotation, &at(second)).await;
            let is_invalid = matches!(done.value, RotationOutcome::Invalid);
            assert!(is_invalid, "{here}: {:?}", done.value);
            let event = failure(EventKind::TokenRefresh).with_session(session).with_reason(reason);
            self.expect_at(here, done, &at(second), Some(user), &[event]).await;
        }
    }

    /// Checks that a token is rejected because its account is disabled.
    #[track_caller]
    pub(super) fn assert_account_disabled(
        &self,
        user: &Account,
        presented: u32,
        session: SessionId,
        second: i64,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let done = self.rotate(rotation(presented, 777_777, second), &at(second)).await;
            assert!(
                matches!(done.value, RotationOutcome::AccountDisabled),
                "{here}: {:?}",
                done.value
            );
            let event = failure(EventKind::TokenRefresh).with_session(session);
            let event = event.with_reason(Reason::AccountDisabled);
            self.expect_at(here, done, &at(second), Some(user), &[event]).await;
        }
    }
}
