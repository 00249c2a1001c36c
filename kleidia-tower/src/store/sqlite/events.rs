//! The events of a transaction, which are published after its commit.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use super::SqliteStore;
use super::error::store_error;
use super::statements::SqliteRows;
use crate::session::SessionEvent;
use crate::store::StoreError;
use crate::store::rows::{EventRows, Publication};
use crate::store::without_subscriber::without_subscriber;

#[async_trait]
impl EventRows for SqliteRows<'_> {
    async fn publish(&mut self, events: Vec<SessionEvent>) -> Result<(), StoreError> {
        self.events.extend(events);
        Ok(())
    }
}

impl SqliteStore {
    /// Commits a transaction, and publishes its events.
    pub(super) async fn commit_and_publish(
        &self,
        transaction: Transaction<'static, Sqlite>,
        events: Vec<SessionEvent>,
    ) -> Result<(), StoreError> {
        if events.is_empty() {
            return self.commit(transaction).await;
        }
        let publication = Publication::new(self.shared_events(), events);
        // SQLite commits also if the caller disconnects meanwhile: the task publishes after it.
        let commit = without_subscriber(async move {
            let committed = transaction.commit().await.map_err(store_error);
            if committed.is_ok() {
                publication.publish();
            }
            committed
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let committed = tokio::spawn(commit).await;
        committed.map_err(StoreError::unavailable)??;
        self.check_file()
    }
}
