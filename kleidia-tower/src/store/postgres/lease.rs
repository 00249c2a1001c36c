//! `Lease`: a connection of an operation, which is returned when the server is done with it.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// The time after which a node asks again whether commits wait, if it could not be asked.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A connection, and the permit to write with it.
///
/// If it is dropped in the middle of an operation, the server does not know: the statement may wait
/// for a lock, and the next user of the connection would wait for it. So a task keeps both until the
/// statement is done or cancelled, and the transaction is rolled back.
pub(super) struct Lease {
    /// `None` after [`Self::release`] and [`Self::discard`].
    held: Option<(Client, Option<OwnedSemaphorePermit>)>,
    /// When the commit was sent.
    committing_since: Option<Instant>,
    connections: Arc<Connections>,
}

impl Lease {
    pub(super) const fn new(
        connections: Arc<Connections>,
        client: Client,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { held: Some((client, permit)), committing_since: None, connections }
    }

    /// Returns the connection, to read with it.
    pub(super) fn client(&self) -> Result<&Client, StoreError> {
        self.held.as_ref().map(|(client, _)| client).ok_or_else(released)
    }

    /// Begins a transaction. Set the returned time before it is committed.
    pub(super) async fn begin(
        &mut self,
    ) -> Result<(Transaction<'_>, &mut Option<Instant>), StoreError> {
        let (client, _) = self.held.as_mut().ok_or_else(released)?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await.map_err(store_error)?;
        Ok((transaction, &mut self.committing_since))
    }

    /// Returns the connection after an operation, which waits for no statement.
    pub(super) fn release(mut self) {
        drop(self.held.take());
    }

    /// Closes a connection whose server does not answer: its socket may be silent for long. That of
    /// a commit that waits for a standby is kept until the server is done with it.
    pub(super) fn discard(mut self) -> StoreError {
        if self.committing_since.is_none()
            && let Some((client, _permit)) = self.held.take()
        {
            drop(Client::take(client));
        }
        StoreError::unavailable("the database does not answer")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((client, permit)) = self.held.take() else { return };
        let (connections, committing_since) =
            (Arc::clone(&self.connections), self.committing_since);
        #[expect(
            clippy::disallowed_methods,
            reason = "a panic drops the connection and the permit"
        )]
        self.connections.runtime.spawn(without_subscriber(async move {
            let is_reusable = if let Some(since) = committing_since {
                wait_until_committed(&client, since, &connections).await
            } else {
                let idle = wait_until_idle(&client, &connections);
                timeout(connections.operation_timeout, idle).await == Ok(true)
            };
            if !is_reusable {
                drop(Client::take(client));
            }
            // Not before: the connections of those who may write would be more than the permits.
            drop(permit);
        }));
    }
}

/// Waits until the server is done with the statement of a caller who is gone, and has rolled back
/// its transaction. Returns whether the connection can be used again.
async fn wait_until_idle(client: &Client, connections: &Connections) -> bool {
    if let Ok(is_idle) = timeout(GRACE_PERIOD, is_idle(client)).await {
        return is_idle;
    }
    // If it fails, the timeouts of the server end the statement.
    drop(client.cancel_token().cancel_query(connections.connector.clone()).await);
    is_idle(client).await;
    // The server may also receive the cancellation later, and cancel a statement of the next user.
    false
}

/// Waits until the server is done with a commit, and returns whether the connection can be used
/// again.
///
/// A commit that waits for a missing standby has no timeout, goes on when its connection is closed,
/// and would be visible without being there if it was cancelled. So its connection and its permit
/// stay in use: further operations wait for others or are rejected, instead of waiting for the
/// standby on ever more connections of the server.
async fn wait_until_committed(
    client: &Client,
    since: Instant,
    connections: &Arc<Connections>,
) -> bool {
    let mut idle = pin!(is_idle(client));
    let mut wait = connections.operation_timeout.saturating_sub(since.elapsed()).max(GRACE_PERIOD);
    loop {
        if let Ok(is_idle) = timeout(wait, &mut idle).await {
            return is_idle;
        }
        if connections.shared().is_closed() {
            return false;
        }
        wait = match connections.has_waiting_commits().await {
            Ok(true) => connections.operation_timeout,
            // The connection is silent.
            Ok(false) => return false,
            Err(_) => RETRY_INTERVAL,
        };
    }
}

/// Waits for the response to an empty statement, which the server answers after all others.
async fn is_idle(client: &Client) -> bool {
    client.batch_execute("").await.is_ok()
}

fn released() -> StoreError {
    StoreError::unavailable("the connection was released")
}
