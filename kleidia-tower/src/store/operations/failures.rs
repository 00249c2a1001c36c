//! Failures to log in: reserved, counted, forgotten.

#![allow(clippy::unused_async, reason = "while it is being written")]

use crate::lockout::{Attempt, LockoutPolicy, Reservation};
use crate::store::rows::Rows;
use crate::store::{Change, Committed, StoreError};
use crate::{UnixTime, UserName};

pub(crate) async fn reserve(
    _: &mut dyn Rows,
    _: &Attempt,
    _: &LockoutPolicy,
    _: UnixTime,
) -> Result<Reservation, StoreError> {
    Err(StoreError::unavailable("not written yet"))
}

pub(crate) async fn fail(
    _: &mut dyn Rows,
    _: &Attempt,
    _: &LockoutPolicy,
    _: &Change,
) -> Result<Committed<()>, StoreError> {
    Err(StoreError::unavailable("not written yet"))
}

pub(crate) async fn release(_: &mut dyn Rows, _: &Attempt, _: UnixTime) -> Result<(), StoreError> {
    Ok(())
}

pub(crate) async fn forget(_: &mut dyn Rows, _: &Attempt, _: UnixTime) -> Result<(), StoreError> {
    Ok(())
}

pub(crate) async fn unlock(
    _: &mut dyn Rows,
    _: &UserName,
    _: &Change,
) -> Result<Committed<()>, StoreError> {
    Err(StoreError::unavailable("not written yet"))
}
