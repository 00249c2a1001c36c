//! Captures the log of this thread at the lowest level.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::Level;
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::Subscriber;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn into_text(self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

/// Returns the events as a log collector receives them.
pub(crate) fn events(future: impl Future) -> Vec<Value> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = Subscriber::builder()
        .json()
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    with_default(subscriber, || run(future));
    log.into_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the log as text.
pub(crate) fn text(is_coloured: bool, future: impl Future) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = Subscriber::builder()
        .with_ansi(is_coloured)
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    with_default(subscriber, || run(future));
    log.into_text()
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
