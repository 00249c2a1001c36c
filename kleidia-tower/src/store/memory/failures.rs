//! The failure counters and familiar devices in memory.

use async_trait::async_trait;

use super::state::State;
use crate::UserName;
use crate::store::StoreError;
use crate::store::rows::{FailureRow, FailureRows, FailureScope};

#[async_trait]
impl FailureRows for State {
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError> {
        FailureRows::failures(self, name, FailureScope::Account).await
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        Ok(self.failures.get(name).and_then(|rows| rows.get(&scope)).copied())
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        self.failures.entry(name.clone()).or_default().insert(scope, *row);
        Ok(())
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        let Some(rows) = self.failures.get_mut(name) else { return Ok(()) };
        rows.retain(|_, row| row.succeeded_at.is_some());
        for row in rows.values_mut() {
            let FailureRow { succeeded_at, expires_at, .. } = *row;
            *row = FailureRow { succeeded_at, expires_at, ..FailureRow::default() };
        }
        Ok(())
    }

    async fn move_failures(&mut self, from: &UserName, to: &UserName) -> Result<(), StoreError> {
        self.failures.remove(to);
        if let Some(rows) = self.failures.remove(from) {
            self.failures.insert(to.clone(), rows);
        }
        Ok(())
    }

    async fn delete_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        self.failures.remove(name);
        Ok(())
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        let Some(rows) = self.failures.get_mut(name) else { return Ok(()) };
        let devices = rows.iter().filter(|(scope, _)| matches!(scope, FailureScope::Device(_)));
        let mut devices: Vec<_> = devices.map(|(scope, row)| (row.succeeded_at, *scope)).collect();
        devices.sort_unstable_by(|one, other| other.cmp(one));
        for (_, scope) in devices.into_iter().skip(max) {
            rows.remove(&scope);
        }
        Ok(())
    }
}
