//! The rows of failures, which record the user names that an operation touches.

use async_trait::async_trait;

use super::RecordingRows;
use crate::UserName;
use crate::store::StoreError;
use crate::store::rows::{FailureRow, FailureRows, FailureScope};

#[async_trait]
impl FailureRows for RecordingRows<'_> {
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError> {
        self.touch_name(name);
        self.rows.lock_failures(name).await
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        self.touch_name(name);
        self.rows.failures(name, scope).await
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        self.touch_name(name);
        self.rows.put_failures(name, scope, row).await
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        self.touch_name(name);
        self.rows.clear_failures(name).await
    }

    async fn move_failures(&mut self, from: &UserName, to: &UserName) -> Result<(), StoreError> {
        self.touch_name(from);
        self.touch_name(to);
        self.rows.move_failures(from, to).await
    }

    async fn delete_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        self.touch_name(name);
        self.rows.delete_failures(name).await
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        self.touch_name(name);
        self.rows.delete_excess_devices(name, max).await
    }
}
