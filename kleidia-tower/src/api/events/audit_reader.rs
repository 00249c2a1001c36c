//! One client's position in the audit log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use tokio::sync::watch;
use tokio::time::sleep;

use super::audit_feed::{AuditFeed, SealedRecord};
use crate::audit::Checkpoint;
use crate::telemetry::log_unavailable;

/// How long a client waits after a failure to read what it missed.
const RETRY: Duration = Duration::from_secs(1);

/// A client's position in the audit log, and the next events.
///
/// A client that reads slowly has few of them in memory: what it has not reached is read again.
pub(super) struct AuditReader {
    feed: Arc<AuditFeed>,
    checkpoints: watch::Receiver<Option<Arc<Checkpoint>>>,
    /// The index of the first leaf that is not buffered; `None` until the log is known.
    next: Option<u64>,
    buffered: VecDeque<Event>,
}

impl AuditReader {
    /// Continues with the leaf at this index; with `None`, with the next one that is sealed.
    pub(super) const fn new(
        feed: Arc<AuditFeed>,
        checkpoints: watch::Receiver<Option<Arc<Checkpoint>>>,
        next: Option<u64>,
    ) -> Self {
        Self { feed, checkpoints, next, buffered: VecDeque::new() }
    }

    /// Returns the next event, if it need not be waited for.
    pub(super) fn next_buffered(&mut self) -> Option<Event> {
        self.buffered.pop_front()
    }

    /// Waits until there are further events. Nothing is lost if the caller drops the future.
    pub(super) async fn fill(&mut self) {
        let next = self.next;
        let is_other = |checkpoint: &Option<Arc<Checkpoint>>| {
            checkpoint.as_ref().is_some_and(|checkpoint| Some(checkpoint.size()) != next)
        };
        let Ok(Some(checkpoint)) = self.checkpoints.wait_for(is_other).await.map(|it| it.clone())
        else {
            // The feed has its sender, so this is not reached.
            return std::future::pending().await;
        };
        match next {
            Some(next) if next < checkpoint.size() => self.read(next, &checkpoint).await,
            Some(next) => self.wait_or_skip(next).await,
            None => self.start(checkpoint.size()),
        }
    }

    async fn read(&mut self, next: u64, checkpoint: &Checkpoint) {
        match self.feed.read(next, checkpoint).await {
            Ok(records) => {
                self.next = Some(records.last().map_or(next, |last| last.leaf_index + 1));
                let events = records.into_iter().map(|SealedRecord { event, .. }| event);
                self.buffered.extend(events);
            }
            Err(error) => match self.feed.first_leaf().await {
                // Exported and deleted meanwhile.
                Ok(first) if first > next => self.skip(first),
                _ => {
                    log_unavailable("audit log", &error);
                    sleep(RETRY).await;
                }
            },
        }
    }

    /// Waits for a log that this node has not read as far as another one has, or continues at the end
    /// of one that is shorter: that of a backup that was restored.
    async fn wait_or_skip(&mut self, next: u64) {
        match self.feed.size().await {
            Ok(size) if size < next => self.skip(size),
            Ok(_) => drop(self.checkpoints.changed().await),
            Err(error) => {
                log_unavailable("audit log", &error);
                sleep(RETRY).await;
            }
        }
    }

    /// Tells the client the position, so that it continues there if it reconnects.
    fn start(&mut self, next: u64) {
        self.next = Some(next);
        self.buffered.push_back(Event::default().id(next.to_string()));
    }

    /// Tells the client that it has missed records.
    fn skip(&mut self, next: u64) {
        self.next = Some(next);
        let missed = Event::default().event("audit-missed").id(next.to_string()).data("{}");
        self.buffered.push_back(missed);
    }
}
