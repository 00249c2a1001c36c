//! `Lease`: a connection of an operation, which is returned when the server is done with it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Transaction};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres::IsolationLevel;

use super::connections::Connections;
use super::error::store_error;
use crate::store::StoreError;
use crate::store::without_subscriber::without_subscriber;

/// How long the statement of a caller who is gone may go on before it is cancelled. Most are done
/// by then, and a cancellation costs two connections.
const GRACE_PERIOD: Duration = Duration::from_millis(50);

/// A connection, and the permit to write with it.
///
/// If it is dropped in the middle of an operation, the server does not know: the statement may wait
/// for a lock, and the next user of the connection would wait for it. So a task keeps both until the
/// statement is done or cancelled, and the transaction is rolled back.
pub(super) struct Lease {
    /// `None` after [`Self::release`] and [`Self::discard`].
    held: Option<(Client, Option<OwnedSemaphorePermit>)>,
    is_committing: bool,
    connections: Arc<Connections>,
}

impl Lease {
    pub(super) const fn new(
        connections: Arc<Connections>,
        client: Client,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { held: Some((client, permit)), is_committing: false, connections }
    }

    /// Returns the connection, to read with it.
    pub(super) fn client(&self) -> Result<&Client, StoreError> {
        self.held.as_ref().map(|(client, _)| client).ok_or_else(released)
    }

    /// Begins a transaction. Set the returned flag before it is committed.
    pub(super) async fn begin(&mut self) -> Result<(Transaction<'_>, &mut bool), StoreError> {
        let (client, _) = self.held.as_mut().ok_or_else(released)?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await.map_err(store_error)?;
        Ok((transaction, &mut self.is_committing))
    }

    /// Returns the connection after an operation, which waits for no statement.
    pub(super) fn release(mut self) {
        drop(self.held.take());
    }

    /// Closes a connection whose server does not answer: its socket may be silent for long.
    pub(super) fn discard(mut self) -> StoreError {
        if let Some((client, _permit)) = self.held.take() {
            drop(Client::take(client));
        }
        StoreError::unavailable("the database does not answer")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((client, permit)) = self.held.take() else { return };
        let (connections, is_committing) = (Arc::clone(&self.connections), self.is_committing);
        #[expect(
            clippy::disallowed_methods,
            reason = "a panic drops the connection and the permit"
        )]
        self.connections.runtime.spawn(without_subscriber(async move {
            let idle = wait_until_idle(&client, is_committing, &connections);
            if timeout(connections.operation_timeout, idle).await != Ok(true) {
                drop(Client::take(client));
            }
            // Not before: the connections of those who may write would be more than the permits.
            drop(permit);
        }));
    }
}

/// Waits until the server is done with the statement of a caller who is gone, and has rolled back
/// its transaction. Returns whether the connection can be used again.
async fn wait_until_idle(client: &Client, is_committing: bool, connections: &Connections) -> bool {
    if let Ok(is_idle) = timeout(GRACE_PERIOD, is_idle(client)).await {
        return is_idle;
    }
    // A commit that waits for a standby would be visible without being there.
    if is_committing {
        return is_idle(client).await;
    }
    // If it fails, the timeouts of the server end the statement.
    drop(client.cancel_token().cancel_query(connections.connector.clone()).await);
    is_idle(client).await;
    // The server may also receive the cancellation later, and cancel a statement of the next user.
    false
}

/// Waits for the response to an empty statement, which the server answers after all others.
async fn is_idle(client: &Client) -> bool {
    client.batch_execute("").await.is_ok()
}

fn released() -> StoreError {
    StoreError::unavailable("the connection was released")
}
