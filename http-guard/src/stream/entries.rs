//! The open streams of a registry, by principal and by what is checked together.

use std::array;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::ptr;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::group::{Due, Entry, Group};
use super::request_stream::{RequestStream, Usage};
use super::state::{Micros, StreamState, micros, now};
use super::sweeper::Sweeper;
use super::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use super::{OpenStream, StreamCheck, StreamEnd, StreamSettings};
use crate::stream::instruments::{add_open_streams, count_ended_streams};
use crate::telemetry::isolate;

/// The open streams of a registry.
pub(super) struct Inner<C: StreamCheck> {
    pub(super) check: C,
    pub(super) settings: StreamSettings,
    /// Wakes the sweeper.
    pub(super) wake: Arc<Notify>,
    /// By principal, so that the streams of one are counted under one lock.
    shards: [Mutex<Shard<C>>; SHARDS],
    /// The checks that do not wait for the next sweep.
    requested: Mutex<Vec<(C::Principal, C::Key)>>,
    is_sweep_requested: AtomicBool,
    hasher: RandomState,
    versions: AtomicU64,
    /// The end at a shutdown, and when calls end, too.
    shutdown: OnceLock<(StreamEnd, Micros)>,
    pub(super) sweeper: Sweeper,
}

type Shard<C> = HashMap<<C as StreamCheck>::Principal, Group<C>>;

/// So many that opening a stream waits for the sweep of a few only.
const SHARDS: usize = 64;
/// How long calls may go on after a shutdown has begun: their handlers may have changed something.
/// It is shorter than the default drain of servers, so that they end with a status.
const CALL_GRACE: Duration = Duration::from_secs(5);

impl<C: StreamCheck> Inner<C> {
    pub(super) fn new(check: C, settings: StreamSettings) -> Self {
        Self {
            check,
            settings,
            wake: Arc::new(Notify::new()),
            shards: array::from_fn(|_| Mutex::default()),
            requested: Mutex::default(),
            is_sweep_requested: AtomicBool::new(false),
            hasher: RandomState::new(),
            versions: AtomicU64::new(0),
            shutdown: OnceLock::new(),
            sweeper: Sweeper::default(),
        }
    }

    /// Registers a stream, and has it checked: that check sees what has changed since its request
    /// was allowed, and what changes from now on finds the stream.
    pub(super) fn open(
        self: &Arc<Self>,
        stream: &Arc<RequestStream<C>>,
        usage: Usage,
    ) -> Result<(), StreamEnd> {
        if !self.sweeper.ensure_running(self) {
            return Err(StreamEnd::UNAVAILABLE);
        }
        let state = self.first_state(stream);
        let mut shard = self.shard(&stream.principal);
        let group = shard.get(&stream.principal);
        // Clients that do not read keep what has ended.
        let max = self.settings.max_per_principal.saturating_mul(2);
        if group.map_or(0, Group::registered) >= max {
            return Err(StreamEnd::TOO_MANY_STREAMS);
        }
        if usage == Usage::Stream {
            self.count_in(group, stream)?;
        }
        let version = self.next_version();
        let state = stream.set_state(state);
        let group = shard.entry(stream.principal.clone()).or_insert_with(|| Group(Vec::new()));
        group.insert(OpenStream(Arc::clone(stream)), version);
        drop(shard);
        self.request([(stream.principal.clone(), stream.key.clone())]);
        // A sweeper that ended meanwhile has ended the streams that it found, perhaps not this one.
        if !self.sweeper.ensure_running(self) {
            state.set_end(StreamEnd::UNAVAILABLE);
            return Err(StreamEnd::UNAVAILABLE);
        }
        Ok(())
    }

    /// Counts an open call as a stream.
    pub(super) fn count(&self, stream: &RequestStream<C>) -> Result<(), StreamEnd> {
        let shard = self.shard(&stream.principal);
        self.count_in(shard.get(&stream.principal), stream)
    }

    /// Counts a stream under the lock of its shard, so that a shutdown misses none.
    fn count_in(
        &self,
        group: Option<&Group<C>>,
        stream: &RequestStream<C>,
    ) -> Result<(), StreamEnd> {
        if let Some((end, _)) = self.shutdown.get() {
            return Err(*end);
        }
        if group.map_or(0, Group::counted) >= self.settings.max_per_principal {
            return Err(StreamEnd::TOO_MANY_STREAMS);
        }
        stream.set_counted();
        add_open_streams(1.0);
        Ok(())
    }

    fn first_state(&self, stream: &RequestStream<C>) -> StreamState {
        let (now, lease) = (now(), micros(self.settings.lease));
        let valid_for = self.check.valid_for(&stream.known).map_or(u64::MAX, micros);
        // If the request was allowed long ago, the stream is suspended until its check.
        let valid_for = if stream.is_fresh() { valid_for } else { 0 };
        let lease_end = stream.allowed_at.saturating_add(lease);
        let valid_until = lease_end.min(now.saturating_add(valid_for));
        StreamState::new(valid_until, now.saturating_add(lease))
    }

    /// Removes a stream that its response and its handler have dropped.
    pub(super) fn close(&self, stream: &RequestStream<C>) {
        let mut shard = self.shard(&stream.principal);
        let Some(Group(entries)) = shard.get_mut(&stream.principal) else { return };
        let mut closed = None;
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == stream.key) {
            let index = entry.streams.iter().position(|open| ptr::eq(Arc::as_ptr(&open.0), stream));
            closed = index.map(|index| entry.streams.swap_remove(index));
        }
        entries.retain(|entry| !entry.streams.is_empty());
        if entries.is_empty() {
            shard.remove(&stream.principal);
        }
        // What the layer knows of the stream may take the lock when it is dropped.
        drop(shard);
        if closed.is_some() && stream.is_counted() {
            add_open_streams(-1.0);
        }
        drop(closed);
    }

    /// Returns the checks that were requested.
    pub(super) fn take_requested(&self, now: Micros) -> Vec<Due<C>> {
        let requested = mem::take(&mut *lock(&self.requested));
        let start = |(principal, key): (C::Principal, C::Key)| {
            let mut shard = self.shard(&principal);
            let entry = find(&mut shard, &principal, &key).filter(|entry| entry.is_due(now));
            entry.and_then(|entry| entry.start_check(&principal))
        };
        requested.into_iter().filter_map(start).collect()
    }

    /// Returns whether a check of all streams was requested.
    pub(super) fn needs_sweep(&self) -> bool {
        self.is_sweep_requested.load(Ordering::Acquire)
    }

    /// Ends streams whose lease has expired, and returns the checks that are due.
    pub(super) fn sweep(&self, now: Micros) -> Vec<Due<C>> {
        self.is_sweep_requested.store(false, Ordering::Release);
        let (mut due, mut expired) = (Vec::new(), Vec::new());
        let is_expired = |stream: &&OpenStream<C>| stream.is_open() && now >= stream.lease_until();
        for shard in &self.shards {
            for (principal, Group(entries)) in lock(shard).iter_mut() {
                for entry in entries {
                    if entry.streams.iter().any(|stream| is_expired(&stream)) {
                        let streams: Vec<_> =
                            entry.streams.iter().filter(is_expired).cloned().collect();
                        expired.push((principal.clone(), entry.key.clone(), streams));
                    } else if entry.is_due(now) {
                        due.extend(entry.start_check(principal));
                    }
                }
            }
        }
        for (principal, key, streams) in expired {
            self.end_streams(&principal, &key, &streams, StreamEnd::UNAVAILABLE);
        }
        if let Some((end, _)) = self.shutdown.get().filter(|(_, calls_end)| now >= *calls_end) {
            self.end_all(*end);
        }
        due
    }

    /// Records that a check is over, and when the next one is due.
    pub(super) fn finish_check(&self, due: &Due<C>, next_check: Micros) {
        let mut shard = self.shard(&due.principal);
        let Some(entry) = find(&mut shard, &due.principal, &due.key) else { return };
        entry.is_checking = false;
        if entry.version == due.version {
            entry.next_check = next_check;
        } else {
            drop(shard);
            self.request([(due.principal.clone(), due.key.clone())]);
        }
    }

    /// Ends streams, and reports those that had not ended.
    pub(super) fn end_streams(
        &self,
        principal: &C::Principal,
        key: &C::Key,
        streams: &[OpenStream<C>],
        end: StreamEnd,
    ) -> usize {
        let ended: Vec<_> = streams.iter().filter(|stream| stream.set_end(end)).cloned().collect();
        if !ended.is_empty() {
            isolate(|| self.check.on_end(principal, key, &ended, end));
            count_ended_streams(ended.len(), end);
        }
        ended.len()
    }

    pub(super) fn end_entries(
        &self,
        principal: &C::Principal,
        is_ended: impl Fn(&OpenStream<C>) -> bool,
        end: StreamEnd,
    ) -> usize {
        let shard = self.shard(principal);
        let entries = shard.get(principal).into_iter().flat_map(|group| &group.0);
        let entries = entries.map(|entry| {
            let streams = entry.streams.iter().filter(|stream| is_ended(stream));
            (entry.key.clone(), streams.cloned().collect::<Vec<_>>())
        });
        let entries: Vec<_> = entries.collect();
        drop(shard);
        entries.iter().map(|(key, streams)| self.end_streams(principal, key, streams, end)).sum()
    }

    pub(super) fn request_checks_of(&self, principal: &C::Principal) {
        let mut shard = self.shard(principal);
        let entries = shard.get_mut(principal).into_iter().flat_map(|group| &mut group.0);
        let keys = entries.map(|entry| {
            entry.request_check(self.next_version());
            (principal.clone(), entry.key.clone())
        });
        let keys: Vec<_> = keys.collect();
        drop(shard);
        self.request(keys);
    }

    pub(super) fn request_checks(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let entries = shard.values_mut().flat_map(|group| &mut group.0);
            entries.for_each(|entry| entry.request_check(self.next_version()));
        }
        self.is_sweep_requested.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Has all streams checked, also those whose check was lost with the sweeper that made it.
    pub(super) fn restart_checks(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let entries = shard.values_mut().flat_map(|group| &mut group.0);
            entries.for_each(|entry| entry.is_checking = false);
        }
        self.request_checks();
    }

    /// Ends all streams, and rejects further ones. Calls may finish for [`CALL_GRACE`].
    pub(super) fn shut_down(&self, end: StreamEnd) -> usize {
        self.shutdown.get_or_init(|| (end, now().saturating_add(micros(CALL_GRACE))));
        self.end_where(|stream| stream.0.is_counted(), end)
    }

    pub(super) fn end_all(&self, end: StreamEnd) -> usize {
        self.end_where(|_| true, end)
    }

    fn end_where(&self, is_ended: impl Fn(&OpenStream<C>) -> bool, end: StreamEnd) -> usize {
        let principals = |shard: &Mutex<Shard<C>>| lock(shard).keys().cloned().collect::<Vec<_>>();
        let principals: Vec<_> = self.shards.iter().flat_map(principals).collect();
        principals.iter().map(|principal| self.end_entries(principal, &is_ended, end)).sum()
    }

    pub(super) fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard<C>>| lock(shard).values().map(Group::counted).sum::<usize>();
        self.shards.iter().map(len).sum()
    }

    fn request(&self, checks: impl IntoIterator<Item = (C::Principal, C::Key)>) {
        lock(&self.requested).extend(checks);
        self.wake.notify_one();
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed)
    }

    fn shard(&self, principal: &C::Principal) -> MutexGuard<'_, Shard<C>> {
        let hash = self.hasher.hash_one(principal) % SHARDS as u64;
        let [first, ..] = &self.shards;
        let index = usize::try_from(hash).unwrap_or_default();
        lock(self.shards.get(index).unwrap_or(first))
    }
}

fn find<'s, C: StreamCheck>(
    shard: &'s mut Shard<C>,
    principal: &C::Principal,
    key: &C::Key,
) -> Option<&'s mut Entry<C>> {
    shard.get_mut(principal)?.0.iter_mut().find(|entry| entry.key == *key)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
