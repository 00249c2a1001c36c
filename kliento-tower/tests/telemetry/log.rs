//! Captures the log of this thread at the lowest level.

use serde_json::Value;
use tracing::Level;
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::Subscriber;

use crate::captured_log::CapturedLog;

/// Returns the events as a log collector receives them.
pub(crate) fn events(future: impl Future) -> Vec<Value> {
    let log = CapturedLog::default();
    let subscriber =
        Subscriber::builder().json().with_max_level(Level::TRACE).with_writer(log.clone()).finish();
    with_default(subscriber, || run(future));
    log.take().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the log as text.
pub(crate) fn text(is_coloured: bool, future: impl Future) -> String {
    let log = CapturedLog::default();
    let subscriber = Subscriber::builder()
        .with_ansi(is_coloured)
        .with_max_level(Level::TRACE)
        .with_writer(log.clone())
        .finish();
    with_default(subscriber, || run(future));
    log.take()
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
