//! Bounds the sessions with a token, and reuses them.

use std::sync::{Condvar, Mutex, PoisonError};

/// Sessions that are idle, and the number of those in use.
pub(super) struct SessionPool<S> {
    state: Mutex<State<S>>,
    freed: Condvar,
}

struct State<S> {
    idle: Vec<S>,
    in_use: usize,
}

/// The right to use one session, until it is dropped.
pub(super) struct SessionSlot<'a, S>(&'a SessionPool<S>);

impl<S> SessionPool<S> {
    /// Tokens have few sessions, such as 16, which other processes use too.
    const MAX_SESSIONS: usize = 8;

    pub(super) fn new(session: S) -> Self {
        let state = State { idle: vec![session], in_use: 0 };
        Self { state: Mutex::new(state), freed: Condvar::new() }
    }

    /// Waits until fewer sessions than the maximum are in use.
    pub(super) fn reserve(&self) -> SessionSlot<'_, S> {
        let state = self.lock();
        let is_full = |state: &mut State<S>| state.in_use >= Self::MAX_SESSIONS;
        let waited = self.freed.wait_while(state, is_full);
        waited.unwrap_or_else(PoisonError::into_inner).in_use += 1;
        SessionSlot(self)
    }

    /// Drops the idle sessions.
    pub(super) fn clear(&self) {
        let idle = std::mem::take(&mut self.lock().idle);
        // Closing a session can take long.
        drop(idle);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> SessionSlot<'_, S> {
    pub(super) fn take_idle(&self) -> Option<S> {
        self.0.lock().idle.pop()
    }

    /// Returns a session that works to the pool.
    pub(super) fn keep(self, session: S) {
        self.0.lock().idle.push(session);
    }
}

impl<S> Drop for SessionSlot<'_, S> {
    fn drop(&mut self) {
        self.0.lock().in_use -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;

    const MAX: usize = SessionPool::<()>::MAX_SESSIONS;

    #[test]
    fn reuses_sessions() {
        let pool = SessionPool::new(1);
        let slot = pool.reserve();
        assert_eq!((slot.take_idle(), slot.take_idle()), (Some(1), None));
        slot.keep(2);
        assert_eq!(pool.reserve().take_idle(), Some(2));
        pool.reserve().keep(3);
        pool.clear();
        assert_eq!(pool.reserve().take_idle(), None);
    }

    #[test]
    fn bounds_sessions() {
        let pool = Arc::new(SessionPool::new(()));
        let (used, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let start = Arc::new(Barrier::new(4 * MAX));
        let threads = (0..4 * MAX).map(|_| {
            let (pool, used) = (Arc::clone(&pool), Arc::clone(&used));
            let (most, start) = (Arc::clone(&most), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for _ in 0..100 {
                    let slot = pool.reserve();
                    most.fetch_max(used.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    used.fetch_sub(1, Ordering::SeqCst);
                    slot.keep(());
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= MAX);
        assert_eq!(pool.lock().in_use, 0);
    }
}
