//! A log in memory, for the tests of all crates.

#![allow(dead_code, reason = "each test uses a part")]

use std::io;
use std::mem;
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// What its subscribers have logged. Clones share the text.
#[derive(Clone, Default)]
pub(crate) struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// Captures the events of this thread up to a level, until the guard is dropped.
    pub(crate) fn start(&self, level: Level) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(level);
        tracing::subscriber::set_default(subscriber.with_writer(self.clone()).finish())
    }

    /// Returns the text that was logged since the last call.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// Returns the level and the message of each line, whose events have fields.
pub(crate) fn messages(text: &str) -> Vec<String> {
    let shortened = text.lines().map(|line| {
        let level = line.split_whitespace().nth(1).unwrap();
        let (_, message) = line.split_once(": ").unwrap();
        let (message, _field) = message.split_once('=').unwrap().0.rsplit_once(' ').unwrap();
        format!("{level} {message}")
    });
    shortened.collect()
}

impl io::Write for CapturedLog {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for CapturedLog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
