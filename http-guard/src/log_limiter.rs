//! Limits the log events that a flood of requests causes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Limits how many log events are written per interval, and counts the others.
///
/// Use one for each kind of event that clients can cause at will. It locks for nanoseconds, and
/// not while the event is written.
///
/// ```
/// use http_guard::LogLimiter;
///
/// static QUEUE_FULL: LogLimiter = LogLimiter::per_second(5);
///
/// fn log_full_queue() {
///     if let Some(suppressed) = QUEUE_FULL.allow() {
///         tracing::warn!(suppressed, "queue full");
///     }
/// }
/// ```
#[derive(Debug)]
pub struct LogLimiter {
    max_events: u32,
    interval: Duration,
    window: Mutex<Window>,
}

/// The events since the start of the current interval.
#[derive(Debug)]
struct Window {
    start: Option<Instant>,
    written: u32,
    suppressed: u64,
}

impl LogLimiter {
    /// Creates a limiter that allows this many events per interval.
    #[must_use]
    pub const fn new(max_events: u32, interval: Duration) -> Self {
        let window = Window { start: None, written: 0, suppressed: 0 };
        Self { max_events, interval, window: Mutex::new(window) }
    }

    /// Creates a limiter that allows this many events per second.
    #[must_use]
    pub const fn per_second(max_events: u32) -> Self {
        Self::new(max_events, Duration::from_secs(1))
    }

    /// Returns whether an event may be written: the number of events that were suppressed since the
    /// last one, or `None` if this one must be suppressed, too.
    #[must_use]
    pub fn allow(&self) -> Option<u64> {
        // No code panics while it holds the lock, so poisoning can be ignored.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.start.is_none_or(|start| start.elapsed() >= self.interval) {
            window.start = Some(Instant::now());
            window.written = 0;
        }
        if window.written >= self.max_events {
            window.suppressed += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_suppressed_events() {
        let limiter = LogLimiter::new(2, Duration::from_secs(3600));
        let allowed: Vec<_> = (0..5).map(|_| limiter.allow()).collect();
        assert_eq!(allowed, [Some(0), Some(0), None, None, None]);
        // The interval has passed.
        limiter.window.lock().unwrap().start = None;
        assert_eq!([limiter.allow(), limiter.allow(), limiter.allow()], [Some(3), Some(0), None]);
    }

    #[test]
    fn every_event_passes_after_its_interval() {
        let limiter = LogLimiter::new(1, Duration::ZERO);
        assert!((0..100).all(|_| limiter.allow() == Some(0)));
    }
}
