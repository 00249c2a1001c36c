//! Reads of keys for tokens that name unknown ones, at a limited rate.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_guard::LastValid;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{self, Instant};

use super::{KeyError, KeyRing};

/// The minimum time between the starts of two reads.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// How long a caller waits at most, for reads of others and its own.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many callers wait at the same time at most.
const MAX_WAITING: usize = 1000;

/// Reads the source again for tokens that name an unknown key, at most once a second.
///
/// Such tokens can be forged without limit. So one read answers all callers that waited when it
/// started, and callers with known keys never wait for it.
#[derive(Debug)]
pub(super) struct KeyLookup {
    waiting: Semaphore,
    /// When the last read started. It is locked while a read is in progress.
    last_read: Arc<Mutex<Option<Instant>>>,
}

/// Why the source was not read.
#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error("too many tokens with unknown key IDs")]
    TooManyWaiting,
    #[error("unknown key ID, and the keys were not read within 5 s")]
    TimedOut,
}

impl KeyLookup {
    pub(super) fn new() -> Self {
        Self { waiting: Semaphore::new(MAX_WAITING), last_read: Arc::default() }
    }

    /// Returns keys that contain this ID, after a read that started later than this call. Returns
    /// `None` if the source does not have the key.
    ///
    /// # Errors
    /// [`KeyError`] if the source was not read, or the read failed.
    pub(super) async fn find<E: Error + Send + Sync + 'static>(
        &self,
        id: &str,
        keys: &LastValid<KeyRing, E>,
        read: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Option<KeyRing>, KeyError> {
        let find = || Some(KeyRing::clone(&keys.value())).filter(|keys| keys.find(id).is_some());
        if let Some(found) = find() {
            return Ok(Some(found));
        }
        self.read(read).await.map_err(KeyError::new)?;
        match (find(), keys.last_error()) {
            (None, Some(error)) => Err(KeyError::new(error)),
            (found, _) => Ok(found),
        }
    }

    /// Reads the source, also for others that wait.
    ///
    /// # Errors
    /// [`KeyError`] if the source was not read, or the read failed.
    pub(super) async fn refresh<E: Error + Send + Sync + 'static>(
        &self,
        keys: &LastValid<KeyRing, E>,
        read: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), KeyError> {
        self.read(read).await.map_err(KeyError::new)?;
        keys.last_error().map_or(Ok(()), |error| Err(KeyError::new(error)))
    }

    /// Returns after a read that started later than this call.
    async fn read(
        &self,
        read: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), LookupError> {
        // Without a runtime, only the owner reads the keys again.
        let Ok(runtime) = Handle::try_current() else { return Ok(()) };
        let called_at = Instant::now();
        let _waiting = self.waiting.try_acquire().map_err(|_| LookupError::TooManyWaiting)?;
        let reading = async {
            let mut last_read = Arc::clone(&self.last_read).lock_owned().await;
            match *last_read {
                Some(started_at) if started_at > called_at => return,
                Some(started_at) => time::sleep_until(started_at + MIN_INTERVAL).await,
                None => {}
            }
            *last_read = Some(Instant::now());
            // A task of its own holds the lock until the end, also if this caller disconnects.
            let read = async move {
                read.await;
                drop(last_read);
            };
            #[expect(clippy::disallowed_methods, reason = "supervised: each read is an iteration")]
            drop(runtime.spawn(read).await);
        };
        time::timeout(TIMEOUT, reading).await.map_err(|_| LookupError::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn flood_reads_once_a_second() {
        let (lookup, reads) = (KeyLookup::new(), Arc::new(AtomicUsize::new(0)));
        let count = || {
            let reads = Arc::clone(&reads);
            async move {
                reads.fetch_add(1, Ordering::SeqCst);
            }
        };
        let start = Instant::now();
        for _ in 0..3 {
            let outcomes = future::join_all((0..MAX_WAITING).map(|_| lookup.read(count()))).await;
            assert!(outcomes.iter().all(Result::is_ok));
        }
        let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
        let reads = reads.load(Ordering::SeqCst);
        assert!((3..=seconds + 1).contains(&reads), "{reads} reads in {seconds} s");
    }

    #[tokio::test]
    async fn disconnected_caller_neither_ends_nor_repeats_a_read() {
        let (lookup, may_end) = (KeyLookup::new(), Arc::new(Notify::new()));
        let reads = Arc::new(AtomicUsize::new(0));
        let read = || {
            let (reads, may_end) = (Arc::clone(&reads), Arc::clone(&may_end));
            async move {
                reads.fetch_add(1, Ordering::SeqCst);
                may_end.notified().await;
            }
        };
        let mut first = Box::pin(lookup.read(read()));
        while reads.load(Ordering::SeqCst) == 0 {
            assert!(future::poll_immediate(&mut first).await.is_none());
            tokio::task::yield_now().await;
        }
        drop(first);
        // It started before this call, so another read is necessary, after this one.
        let mut second = Box::pin(lookup.read(read()));
        assert!(future::poll_immediate(&mut second).await.is_none());
        assert!(lookup.last_read.try_lock().is_err());
        may_end.notify_one();
        while reads.load(Ordering::SeqCst) == 1 {
            assert!(time::timeout(Duration::from_millis(10), &mut second).await.is_err());
        }
        may_end.notify_one();
        second.await.unwrap();
        assert_eq!(reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn bounds_waiting_callers() {
        let lookup = KeyLookup::new();
        let endless = || future::pending();
        let mut waiting: Vec<_> =
            (0..MAX_WAITING).map(|_| Box::pin(lookup.read(endless()))).collect();
        for call in &mut waiting {
            assert!(future::poll_immediate(call).await.is_none());
        }
        let error = lookup.read(endless()).await.unwrap_err();
        assert_eq!(error.to_string(), "too many tokens with unknown key IDs");
        for outcome in future::join_all(waiting).await {
            assert!(matches!(outcome, Err(LookupError::TimedOut)));
        }
    }
}
