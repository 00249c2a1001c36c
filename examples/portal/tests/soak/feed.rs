//! What the feed of a portal receives through a proxy: messages of PostgreSQL, which may be late or
//! lost.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What happens to what the feed receives.
#[derive(Default)]
pub(crate) struct Feed {
    delay_ms: AtomicU64,
    /// How many heartbeats are lost next.
    lost: AtomicU32,
}

/// The messages that a connection receives, from one of their starts on.
#[derive(Default)]
pub(crate) struct Messages(Vec<u8>);

impl Feed {
    /// Sets how late each part of what it receives is.
    pub(crate) fn set_delay(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap();
        self.delay_ms.store(delay, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))
    }

    /// Makes it lose the next heartbeats, and nothing else.
    pub(crate) fn lose_heartbeats(&self, count: u32) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns whether a message is lost.
    fn loses(&self, message: &[u8]) -> bool {
        // A notification.
        message.first() == Some(&b'A')
            && message.windows(10).any(|octets| octets == b"heartbeat ")
            && self
                .lost
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
    }
}

impl Messages {
    /// Adds what was received, and returns the complete messages that are not lost.
    pub(crate) fn filter(&mut self, received: &[u8], feed: &Feed) -> Vec<u8> {
        self.0.extend_from_slice(received);
        let mut forwarded = Vec::new();
        // A message is its kind, its length without the kind, and its content.
        while let Some(&[a, b, c, d]) = self.0.get(1..5).and_then(|length| length.first_chunk()) {
            let length = 1 + usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap();
            if self.0.len() < length {
                break;
            }
            let message: Vec<u8> = self.0.drain(..length).collect();
            if !feed.loses(&message) {
                forwarded.extend(message);
            }
        }
        forwarded
    }
}
