//! The store trait for factors and the ceremonies that enrol or present them.

use std::sync::Arc;

use async_trait::async_trait;

use super::{CodePurpose, Factor, FactorKind, FactorLabel, OneTimeCode};
use crate::lockout::{LockoutPolicy, LoginAttempt};
use crate::session::{AuthMethods, Session};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{FactorId, SessionId, TokenDigest, UserId};

/// Stores factors, and the ceremonies that are in progress. Each change is one atomic operation
/// together with its audit events, also across nodes.
#[async_trait]
pub trait FactorStore: Send + Sync + 'static {
    /// Returns the factors of a user, in the order of their ids.
    async fn factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError>;

    /// Returns the factor with this credential.
    async fn factor_by_credential(&self, credential: &[u8]) -> Result<Option<Factor>, StoreError>;

    /// Returns a ceremony that is in progress, expired or not, and leaves it so.
    async fn ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError>;

    /// Begins a ceremony. One of a user replaces the one of the user with the same purpose.
    async fn begin_ceremony(&self, ceremony: &OneTimeCode) -> Result<(), StoreError>;

    /// Ends a ceremony and returns it, expired or not. Of concurrent calls, one gets it.
    async fn take_ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError>;

    /// Adds a factor for the user of an active session. Records `factor.added`.
    ///
    /// If the user has a factor already, the session must have a
    /// [second factor](AuthMethods::has_second_factor): a client that only knows the password must
    /// not replace the others by one of its own. Recovery codes need it always, so they follow
    /// another factor; they replace those of the user.
    async fn add_factor(
        &self,
        new: &NewFactor,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Factor, FactorChangeError>>, StoreError>;

    /// Stores the use of a factor in an active session: the new data of the factor, and how and when
    /// the user was authenticated. Settles the attempt. Records `factor.used`.
    ///
    /// Nothing changes unless the factor has the expected data: of concurrent uses of one code, one
    /// is [`FactorOutcome::Used`].
    async fn use_factor(
        &self,
        used: &FactorUse,
        change: &ChangeContext,
    ) -> Result<Committed<FactorOutcome>, StoreError>;

    /// Removes factors of a user. Records `factor.removed` for each.
    ///
    /// With a session, it must be active and have a
    /// [second factor](AuthMethods::has_second_factor). With the last other factor, the recovery
    /// codes are removed.
    async fn remove_factors(
        &self,
        removal: &FactorRemoval,
        change: &ChangeContext,
    ) -> Result<Committed<Result<usize, FactorChangeError>>, StoreError>;
}

/// The input of [`FactorStore::add_factor`].
#[derive(Clone, Debug)]
pub struct NewFactor {
    /// The user.
    pub user: UserId,
    /// The session in which the user enrols it.
    pub session: SessionId,
    /// What it is.
    pub kind: FactorKind,
    /// The id of the credential, of a passkey.
    pub credential: Option<Vec<u8>>,
    /// Its name.
    pub label: FactorLabel,
    /// What verifies it, as in [`Factor::data`].
    pub data: String,
    /// What the user has presented to enrol it, which the session has from now on.
    pub presented: Option<AuthMethods>,
    /// The ceremony of the user that ends with this.
    pub ceremony: Option<(TokenDigest, CodePurpose)>,
    /// How many factors a user can have.
    pub max_factors: usize,
}

/// The input of [`FactorStore::use_factor`].
#[derive(Clone, Debug)]
pub struct FactorUse {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The factor.
    pub factor: FactorId,
    /// The data with which it was verified.
    pub expected_data: String,
    /// The data from now on.
    pub data: String,
    /// What the user has presented.
    pub methods: AuthMethods,
    /// The attempt, and the policy of the lockout; `None` for a factor that cannot be guessed.
    pub attempt: Option<(LoginAttempt, LockoutPolicy)>,
}

/// The result of [`FactorStore::use_factor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorOutcome {
    /// The use is stored. The session is as it is now.
    Used(Arc<Session>),
    /// The factor was used or removed meanwhile. The attempt is not settled.
    Changed,
    /// The session is not active. The attempt is not settled.
    SessionEnded,
}

/// The input of [`FactorStore::remove_factors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorRemoval {
    /// One factor, by its user.
    One {
        /// The user.
        user: UserId,
        /// The session of the user.
        session: SessionId,
        /// The factor.
        factor: FactorId,
    },
    /// All factors, by an admin.
    All {
        /// The user.
        user: UserId,
    },
}

/// Why a factor is not added or removed. Nothing was changed, and nothing is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactorChangeError {
    /// The session is not active, or the user does not exist.
    #[error("session ended")]
    SessionEnded,
    /// The session has no second factor.
    #[error("second factor required")]
    SecondFactorRequired,
    /// The ceremony is unknown, finished, expired, or another user's.
    #[error("ceremony unknown, finished or expired")]
    CeremonyExpired,
    /// The user has too many factors.
    #[error("too many factors")]
    TooMany,
    /// A factor has this credential already.
    #[error("factor exists")]
    Exists,
    /// The user has no such factor.
    #[error("factor not found")]
    NotFound,
}
