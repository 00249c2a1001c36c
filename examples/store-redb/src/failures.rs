//! The statements on failure counters and familiar devices.

use async_trait::async_trait;
use kleidia_tower::UserName;
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{FailureRow, FailureRows, FailureScope, name_digest};
use redb::ReadableTable as _;

use crate::store::RedbRows;
use crate::tables::{FAILURES, decode, get, put, unavailable};
use crate::values::FailureValue;

impl RedbRows {
    /// Returns the scopes of a user name and their rows.
    fn rows_of(&self, name: &UserName) -> Result<Vec<(String, FailureRow)>, StoreError> {
        let (digest, mut rows) = (name_digest(name), Vec::new());
        let table = self.0.open_table(FAILURES).map_err(unavailable)?;
        for row in table.range((&digest, "")..).map_err(unavailable)? {
            let (key, value) = row.map_err(unavailable)?;
            let (found, scope) = key.value();
            if *found != digest {
                break;
            }
            let value: FailureValue = decode(value.value())?;
            rows.push((scope.to_owned(), value.try_into()?));
        }
        Ok(rows)
    }

    fn put(&self, name: &UserName, scope: &str, row: &FailureRow) -> Result<(), StoreError> {
        let mut table = self.0.open_table(FAILURES).map_err(unavailable)?;
        put(&mut table, (&name_digest(name), scope), &FailureValue::from(row))
    }

    fn remove(&self, name: &UserName, scope: &str) -> Result<(), StoreError> {
        let mut table = self.0.open_table(FAILURES).map_err(unavailable)?;
        table.remove((&name_digest(name), scope)).map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl FailureRows for RedbRows {
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError> {
        self.failures(name, FailureScope::Account).await
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        let table = self.0.open_table(FAILURES).map_err(unavailable)?;
        let scope = scope.to_string();
        let found: Option<FailureValue> = get(&table, (&name_digest(name), scope.as_str()))?;
        found.map(TryInto::try_into).transpose()
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        self.put(name, &scope.to_string(), row)
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        for (scope, FailureRow { succeeded_at, expires_at, .. }) in self.rows_of(name)? {
            if succeeded_at.is_some() {
                let row = FailureRow { succeeded_at, expires_at, ..FailureRow::default() };
                self.put(name, &scope, &row)?;
            } else {
                self.remove(name, &scope)?;
            }
        }
        Ok(())
    }

    async fn move_failures(&mut self, from: &UserName, to: &UserName) -> Result<(), StoreError> {
        self.delete_failures(to).await?;
        for (scope, row) in self.rows_of(from)? {
            self.put(to, &scope, &row)?;
        }
        self.delete_failures(from).await
    }

    async fn delete_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        for (scope, _) in self.rows_of(name)? {
            self.remove(name, &scope)?;
        }
        Ok(())
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        let mut devices = self.rows_of(name)?;
        devices.retain(|(scope, _)| scope.starts_with("device:"));
        devices.sort_unstable_by_key(|(_, row)| std::cmp::Reverse(row.succeeded_at));
        for (scope, _) in devices.iter().skip(max) {
            self.remove(name, scope)?;
        }
        Ok(())
    }
}
