//! The operations that are run in pairs.

mod administration;
mod log;
mod personal;
mod properties;

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::{AccountStore as _, PasswordChange};
use kleidia_tower::lockout::{AttemptRecord, FailureStore as _, LockoutPolicy};
use kleidia_tower::session::{
    EndReason, OpenOutcome, Rotation, RotationOutcome, SessionSelector, SessionStore as _,
};
use kleidia_tower::store::{PostgresStore, StoreError};

pub(crate) use log::purge;

use crate::fixture::{ACTIVE, CONSUMED, EXPIRY, Fixture, PURGE, SECOND, SUCCESSOR, day};
use crate::numbered::{hash, new_session, rotation};

/// An operation on the accounts of a fixture. `Self::ALL` has each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    LogIn,
    /// A login that ends the session with the oldest refresh token.
    LogInAtLimit,
    Refresh,
    /// A refresh after the session has expired, which opens another.
    RefreshExpired,
    /// A use of a consumed token within the grace period.
    RefreshAgain,
    /// A use of a consumed token after it.
    Reuse,
    LogOut,
    LogOutEverywhere,
    /// The end of the sessions of both accounts, in another order on each node.
    EndSessionsOfUsers,
    ChangePassword,
    Disable,
    /// Another administrator disables the account, or this one the other.
    DisableByOther,
    DisableOther,
    RemoveRole,
    /// The other administrator creates a third one.
    CreateAccount,
    /// An operator creates two accounts, in another order on each node.
    Import,
    /// An operator issues a code that sets the password, or the other administrator.
    IssueCode,
    IssueCodeByOther,
    Recover,
    RequireChange,
    Rename,
    /// The account is disabled before.
    Erase,
    ReplaceProfile,
    BeginCeremony,
    TakeCeremony,
    /// Enrols the last factor that the account can have.
    AddFactor,
    UseFactor,
    RemoveFactor,
    RegisterAgent,
    Touch,
    Reserve,
    RecordFailure,
    /// A failure when the earlier ones have expired.
    RecordLateFailure,
    RecordThrottled,
    Release,
    Unlock,
    /// Makes a device familiar in the place of another one.
    AddDevice,
    /// Appends records of denials.
    Append,
    /// Deletes the expired rows.
    Purge,
    Seal,
    Detach,
    ReplaceKey,
}

/// The numbers of the tokens and passwords of the nodes' operations.
pub(crate) const NUMBERS: [u32; 2] = [10, 20];
/// After the expiry of sessions: 3600 s.
const EXPIRED: u64 = 4000;
/// Just before the purge.
const LATE: u64 = PURGE * 24 * 3600 - 10;

impl Operation {
    pub(crate) const ALL: [Self; 42] = [
        Self::LogIn,
        Self::LogInAtLimit,
        Self::Refresh,
        Self::RefreshExpired,
        Self::RefreshAgain,
        Self::Reuse,
        Self::LogOut,
        Self::LogOutEverywhere,
        Self::EndSessionsOfUsers,
        Self::ChangePassword,
        Self::Disable,
        Self::DisableByOther,
        Self::DisableOther,
        Self::RemoveRole,
        Self::CreateAccount,
        Self::Import,
        Self::IssueCode,
        Self::IssueCodeByOther,
        Self::Recover,
        Self::RequireChange,
        Self::Rename,
        Self::Erase,
        Self::ReplaceProfile,
        Self::BeginCeremony,
        Self::TakeCeremony,
        Self::AddFactor,
        Self::UseFactor,
        Self::RemoveFactor,
        Self::RegisterAgent,
        Self::Touch,
        Self::Reserve,
        Self::RecordFailure,
        Self::RecordLateFailure,
        Self::RecordThrottled,
        Self::Release,
        Self::Unlock,
        Self::AddDevice,
        Self::Append,
        Self::Purge,
        Self::Seal,
        Self::Detach,
        Self::ReplaceKey,
    ];

    /// Runs it, and describes its outcome. Its tokens and passwords have this number.
    pub(crate) async fn run(
        self,
        store: Arc<PostgresStore>,
        fixture: Fixture,
        number: u32,
    ) -> String {
        let outcome = match self {
            Self::LogIn | Self::LogInAtLimit => self.log_in(&store, &fixture, number).await,
            Self::Refresh | Self::RefreshExpired | Self::RefreshAgain | Self::Reuse => {
                self.refresh(&store, &fixture, number).await
            }
            Self::LogOut
            | Self::LogOutEverywhere
            | Self::EndSessionsOfUsers
            | Self::ChangePassword
            | Self::RegisterAgent
            | Self::Touch => self.change_sessions(&store, &fixture, number).await,
            Self::Disable
            | Self::DisableByOther
            | Self::DisableOther
            | Self::RemoveRole
            | Self::CreateAccount
            | Self::Import
            | Self::RequireChange
            | Self::Rename
            | Self::Erase => self.administrate(&store, &fixture, number).await,
            Self::Append | Self::Purge | Self::Seal | Self::Detach | Self::ReplaceKey => {
                self.maintain(&store, &fixture, number).await
            }
            Self::Reserve
            | Self::RecordFailure
            | Self::RecordLateFailure
            | Self::RecordThrottled
            | Self::Release
            | Self::Unlock
            | Self::AddDevice => self.settle(&store, &fixture, number).await,
            _ => self.change_personal(&store, &fixture, number).await,
        };
        outcome.unwrap_or_else(|error| format!("failed: {error}"))
    }

    async fn log_in(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let mut new = new_session(&fixture.account, hash(0), fixture.token(number));
        new.expires_at = fixture.time(3600);
        new.refresh_expires_at = day(EXPIRY);
        if self == Self::LogInAtLimit {
            new.max_sessions = 2;
        }
        let opened = store.open_session(new, &fixture.change(number, 1)).await?.value;
        Ok(match opened {
            OpenOutcome::Opened { displaced, is_new_device, .. } => {
                format!("opened, {} displaced, new device {is_new_device}", displaced.len())
            }
            other => format!("{other:?}"),
        })
    }

    async fn refresh(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let hour = Duration::from_secs(3600);
        let (presented, grace, second) = match self {
            Self::RefreshExpired => (SUCCESSOR, hour, EXPIRED),
            Self::RefreshAgain => (CONSUMED, hour, 1),
            Self::Reuse => (CONSUMED, Duration::ZERO, 1),
            _ => (SUCCESSOR, hour, 1),
        };
        let rotation = Rotation {
            grace,
            expires_at: fixture.time(2 * EXPIRED),
            refresh_expires_at: day(EXPIRY),
            ..rotation(fixture.token(presented), fixture.token(number))
        };
        let rotated =
            store.rotate_refresh_token(&rotation, &fixture.change(number, second)).await?.value;
        Ok(match rotated {
            RotationOutcome::Rotated { is_new_session, .. } => {
                format!("rotated, new session {is_new_session}")
            }
            RotationOutcome::Retried { successor, is_new_session, .. } => {
                let successor = fixture.number(&successor);
                format!("retried {successor}, new session {is_new_session}")
            }
            RotationOutcome::Reused(_) => "reused".to_owned(),
            RotationOutcome::Invalid => "invalid".to_owned(),
            RotationOutcome::AccountDisabled => "account disabled".to_owned(),
        })
    }

    async fn change_sessions(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let (user, session) = (fixture.account.id, fixture.sessions[ACTIVE]);
        Ok(match self {
            Self::LogOut | Self::LogOutEverywhere => {
                let which = match self {
                    Self::LogOut => SessionSelector::One { user, session },
                    _ => SessionSelector::All { user },
                };
                let ended = store
                    .end_sessions(which, EndReason::Logout, &fixture.change(number, 1))
                    .await?
                    .value;
                format!("{} ended", ended.len())
            }
            Self::EndSessionsOfUsers => {
                let mut users = [user, fixture.other.id];
                if number == NUMBERS[1] {
                    users.reverse();
                }
                let reason = EndReason::RevokedByAdmin;
                let ended = store
                    .end_sessions_of_users(&users, reason, &fixture.change(number, 1))
                    .await?
                    .value;
                format!("{} ended", ended.len())
            }
            Self::ChangePassword => {
                let new = PasswordChange {
                    user,
                    expected_hash: hash(0),
                    new: hash(number),
                    history: 5,
                    kept_session: Some(fixture.sessions[SECOND]),
                };
                let changed = store.change_password(new, &fixture.change(number, 1)).await?.value;
                format!("changed {changed}")
            }
            Self::RegisterAgent => {
                let key = format!("key {number}");
                let bound = store
                    .register_agent(session, user, key, &fixture.change(number, 1))
                    .await?
                    .value;
                format!("bound {bound}")
            }
            _ => {
                store.touch(&[(session, fixture.time(2))]).await?;
                "touched".to_owned()
            }
        })
    }

    async fn settle(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let policy = LockoutPolicy::default();
        let attempt = &fixture.attempt();
        match self {
            Self::Reserve => {
                let reserved = store.reserve_attempt(attempt, &policy, fixture.time(0)).await?;
                return Ok(format!("{reserved:?}"));
            }
            Self::RecordFailure | Self::RecordLateFailure => {
                let second = if self == Self::RecordFailure { 1 } else { LATE };
                let change = fixture.change(number, second);
                drop(
                    store
                        .record_failure(attempt, &policy, &change, AttemptRecord::Recorded)
                        .await?,
                );
            }
            Self::RecordThrottled => {
                drop(
                    store
                        .record_throttled(
                            attempt,
                            &policy,
                            &fixture.change(number, 1),
                            AttemptRecord::Recorded,
                        )
                        .await?,
                );
            }
            Self::Release => store.release_attempt(attempt).await?,
            Self::Unlock => drop(store.unlock(&attempt.name, &fixture.change(number, 1)).await?),
            _ => {
                let device = new_session(&fixture.account, hash(0), fixture.token(number)).device;
                let policy = policy.with_max_devices(1).unwrap();
                store.add_device(&attempt.name, device, &policy, fixture.time(1)).await?;
            }
        }
        Ok("settled".to_owned())
    }
}
