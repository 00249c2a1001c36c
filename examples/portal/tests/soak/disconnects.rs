//! Callers that disconnect after a random part of the time that such a request takes, so at any of its
//! awaits.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;

use crate::soak::history::Call;

/// How many requests of a kind there are for one that is not awaited.
const REQUESTS: usize = 20;
/// The same while many callers disconnect.
const FEW_REQUESTS: usize = 2;
/// With how many requests a kind must have had a caller that disconnected.
const COVERED: usize = 50;

/// Which callers disconnect, and when.
#[derive(Default)]
pub(crate) struct Disconnects {
    are_many: AtomicBool,
    kinds: Mutex<BTreeMap<&'static str, Kind>>,
}

/// The requests of a kind.
#[derive(Clone, Copy, Default)]
struct Kind {
    sent: usize,
    disconnected: usize,
    /// How long they take, by those that took longest lately.
    duration: Duration,
}

impl Disconnects {
    /// Makes many callers disconnect, or few.
    pub(crate) fn set_many(&self, are_many: bool) {
        self.are_many.store(are_many, Ordering::Relaxed);
    }

    /// Decides about a request that is about to be sent. Returns after which time its caller disconnects.
    pub(crate) fn choose(&self, call: &Call, random: &mut Rng) -> Option<Duration> {
        let mut kinds = self.kinds.lock().unwrap();
        let kind = kinds.entry(call.kind()).or_default();
        kind.sent += 1;
        let are_many = self.are_many.load(Ordering::Relaxed);
        let requests = if are_many { FEW_REQUESTS } else { REQUESTS };
        // Rare kinds have their share, too.
        let is_due = kind.disconnected * requests < kind.sent && random.bool();
        let disconnects = is_due || random.usize(..requests) == 0;
        disconnects.then(|| kind.duration.mul_f64(random.f64()))
    }

    /// Notes how long a request took until its response.
    pub(crate) fn note_response(&self, call: &Call, duration: Duration) {
        let mut kinds = self.kinds.lock().unwrap();
        let kind = kinds.entry(call.kind()).or_default();
        kind.duration = duration.max(kind.duration.mul_f64(0.9));
    }

    pub(crate) fn note_disconnect(&self, call: &Call) {
        self.kinds.lock().unwrap().entry(call.kind()).or_default().disconnected += 1;
    }

    /// Asserts that callers disconnected during each kind of request.
    pub(crate) fn assert_covered(&self) {
        for (name, Kind { sent, disconnected, .. }) in &*self.kinds.lock().unwrap() {
            println!("{name}: {disconnected} of {sent} callers disconnected");
            assert!(*disconnected > 0 || *sent < COVERED, "no caller disconnected during {name}");
        }
    }
}
