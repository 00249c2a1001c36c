//! `RedbStore`: opening, and transactions.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kleidia_tower::audit::LogKey;
use kleidia_tower::session::{SessionEvent, SessionEvents};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{EventRows, Operation, Publication, Sealing};
use redb::{Database, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::time::timeout;

use crate::tables::{self, corrupt, unavailable};

/// How many operations can wait for the writer.
const MAX_WAITING: usize = 1024;
/// How long an operation waits for the writer.
const WRITER_TIMEOUT: Duration = Duration::from_secs(5);

/// A store in one file, which one process opens. Acknowledged changes are on disk.
pub struct RedbStore {
    database: Database,
    /// Its holder may begin a transaction: otherwise redb would block the thread.
    writer: Arc<Mutex<()>>,
    /// A permit for each operation that may wait for the writer.
    queue: Semaphore,
    pub(crate) events: SessionEvents,
    pub(crate) key: LogKey,
    pub(crate) sealing: Sealing,
}

/// The rows that a transaction sees, the key of the audit log, and the events that it publishes.
pub(crate) struct RedbRows(pub(crate) WriteTransaction, pub(crate) LogKey, Vec<SessionEvent>);

impl RedbStore {
    /// Opens a file with the key of its audit log, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if another process has it open, or it is no file of redb.
    pub fn open(path: impl AsRef<Path>, key: impl Into<LogKey>) -> Result<Self, StoreError> {
        let database = Database::create(path).map_err(StoreError::unavailable)?;
        let transaction = database.begin_write().map_err(unavailable)?;
        tables::create(&transaction)?;
        transaction.commit().map_err(unavailable)?;
        let (writer, queue) = (Arc::default(), Semaphore::new(MAX_WAITING));
        let (events, key, sealing) = (SessionEvents::default(), key.into(), Sealing::default());
        Ok(Self { database, writer, queue, events, key, sealing })
    }

    /// Begins a read, which sees the last commit and waits for nothing.
    pub(crate) fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.database.begin_read().map_err(unavailable)
    }

    /// Runs an operation of a client, unless too many wait, or the writer is not free in time.
    pub(crate) async fn run<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let waiting = self.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        let writer = timeout(WRITER_TIMEOUT, self.writer()).await;
        let writer = writer.map_err(|_| StoreError::unavailable("the writer is not free"))?;
        drop(waiting);
        self.run_as(writer, operation).await
    }

    pub(crate) async fn writer(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writer).lock_owned().await
    }

    pub(crate) async fn run_as<'a, T: Send + 'a>(
        &'a self,
        writer: OwnedMutexGuard<()>,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let mut rows = self.begin()?;
        // An error drops the transaction, which rolls it back.
        let value = operation.run(&mut rows).await?;
        self.commit(rows, writer).await?;
        Ok(value)
    }

    /// Begins a transaction. Only the holder of the writer may, so it does not block.
    pub(crate) fn begin(&self) -> Result<RedbRows, StoreError> {
        Ok(RedbRows(
            self.database.begin_write().map_err(unavailable)?,
            self.key.clone(),
            Vec::new(),
        ))
    }

    /// Commits a transaction on a thread, since it waits for the disk, and publishes its events. If
    /// the caller drops this, the thread does so nevertheless, and only then the next transaction
    /// begins.
    pub(crate) async fn commit(
        &self,
        rows: RedbRows,
        writer: OwnedMutexGuard<()>,
    ) -> Result<(), StoreError> {
        let RedbRows(transaction, _, events) = rows;
        let publication = Publication::new(&self.events, events);
        #[expect(clippy::disallowed_methods, reason = "awaited, and a panic is an error")]
        let committing = tokio::task::spawn_blocking(move || {
            let committed = transaction.commit().map_err(unavailable);
            if committed.is_ok() {
                publication.publish();
            }
            drop(writer);
            committed
        });
        committing.await.map_err(|_| corrupt("commit"))?
    }
}

#[async_trait]
impl EventRows for RedbRows {
    async fn publish(&mut self, events: Vec<SessionEvent>) -> Result<(), StoreError> {
        self.2.extend(events);
        Ok(())
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kleidia_tower::audit::AuditKey;
    use kleidia_tower::session::{EndReason, SessionStore as _};
    use kleidia_tower::store::ChangeContext;
    use kleidia_tower::{ClientInfo, Timestamp};

    use super::*;

    #[tokio::test]
    async fn operations_do_not_wait_for_the_writer_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let key = AuditKey::generate("tests").unwrap();
        let store = RedbStore::open(directory.path().join("accounts.redb"), key).unwrap();
        let writer = store.writer().await;
        let (at, client) = (Timestamp::constant(1_795_370_580, 0), ClientInfo::default());
        let change = ChangeContext { at, client, actor: None };
        let end = || store.end_sessions_of_users(&[], EndReason::RevokedByAdmin, &change);
        let error = end().await.unwrap_err();
        assert_eq!(error.to_string(), "store unavailable: the writer is not free");
        drop(writer);
        assert!(end().await.unwrap().value.is_empty());
    }
}
