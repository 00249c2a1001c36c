//! Points at which operations of a store pause.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// A point at which an operation pauses: a lookup after it read the session, or a write before it
/// starts.
#[derive(Default)]
pub(crate) struct PausePoint {
    pub(crate) reached: Notify,
    pub(crate) resumed: Notify,
}

pub(crate) fn set_pause(slot: &Mutex<Option<Arc<PausePoint>>>) -> Arc<PausePoint> {
    let pause = Arc::new(PausePoint::default());
    *slot.lock().unwrap() = Some(Arc::clone(&pause));
    pause
}

pub(crate) async fn pause_at(slot: &Mutex<Option<Arc<PausePoint>>>) {
    let pause = slot.lock().unwrap().take();
    if let Some(pause) = pause {
        pause.reached.notify_one();
        pause.resumed.notified().await;
    }
}
