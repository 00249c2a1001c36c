//! Whether a request waits for its body.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::activity::Activity;

/// The state of a request with a body, shared by the body and the future of the response.
#[derive(Debug)]
pub(super) struct BodyWait {
    activity: Arc<Activity>,
    phase: Mutex<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The service works, or has the whole body.
    Working,
    /// The service waits for octets of the body.
    Waiting,
    /// The service has responded, or the request is over.
    Over,
}

/// Ends the wait when it is dropped.
#[derive(Debug)]
pub(super) struct WaitGuard(Arc<BodyWait>);

impl BodyWait {
    pub(super) fn new(activity: Arc<Activity>) -> Arc<Self> {
        Arc::new(Self { activity, phase: Mutex::new(Phase::Working) })
    }

    /// Returns a guard for the time until the service responds.
    pub(super) fn guard(self: &Arc<Self>) -> WaitGuard {
        WaitGuard(Arc::clone(self))
    }

    /// Records that the service waits for octets.
    pub(super) fn start(&self) {
        let mut phase = self.phase();
        if *phase == Phase::Working {
            *phase = Phase::Waiting;
            self.activity.start_body_wait();
        }
    }

    /// Records that octets have arrived, or that the service does not need them.
    pub(super) fn end(&self) {
        let mut phase = self.phase();
        if *phase == Phase::Waiting {
            *phase = Phase::Working;
            self.activity.end_body_wait();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        *self.phase() == Phase::Over
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let mut phase = self.0.phase();
        if std::mem::replace(&mut *phase, Phase::Over) == Phase::Waiting {
            self.0.activity.end_body_wait();
        }
    }
}
