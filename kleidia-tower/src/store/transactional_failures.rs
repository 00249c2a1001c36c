//! `FailureStore`, implemented once for every store that has transactions.

use async_trait::async_trait;

use super::measured::Measured as _;
use super::operation::Operation;
use super::operations::failures;
use super::transactional::Transactional;
use super::{ChangeContext, Committed, StoreError};
use crate::lockout::{AttemptRecord, FailureStore, LockoutPolicy, LoginAttempt, Reservation};
use crate::{Timestamp, TokenDigest, UserName};

#[async_trait]
impl<S: Transactional> FailureStore for S {
    async fn reserve_attempt(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.run(Operation::new("reserve_attempt", |rows| {
            Box::pin(failures::reserve(rows.0, attempt, policy, now))
        }))
        .await
    }

    async fn record_failure(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError> {
        self.run(Operation::new("record_failure", |rows| {
            Box::pin(failures::record_failure(rows.0, attempt, policy, change, record))
        }))
        .await
    }

    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError> {
        self.run(Operation::new("record_throttled", |rows| {
            Box::pin(failures::record_throttled(rows.0, attempt, policy, change, record))
        }))
        .await
    }

    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.run(Operation::new("release_attempt", |rows| {
            Box::pin(failures::release(rows.0, attempt))
        }))
        .await
    }

    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.run(Operation::new("unlock", |rows| Box::pin(failures::unlock(rows.0, name, change))))
            .await
    }

    async fn add_device(
        &self,
        name: &UserName,
        device: TokenDigest,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.run(Operation::new("add_device", |rows| {
            Box::pin(failures::add_device(rows.0, name, device, policy, now))
        }))
        .await
    }
}
