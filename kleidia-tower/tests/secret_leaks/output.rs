//! The output of a run: its log, and the `Debug` and `Display` forms of its values.

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex};

use kleidia_tower::Rejection;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The output of all threads.
#[derive(Clone, Default)]
pub(crate) struct RecordedOutput(Arc<Mutex<Vec<u8>>>);

impl RecordedOutput {
    /// Records every event that this process logs from now on.
    pub(crate) fn from_log() -> Self {
        let log = Self::default();
        tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        log
    }

    /// Records the `Debug` forms of a value.
    pub(crate) fn record(&self, value: &impl Debug) {
        self.write(&format!("{value:?}\n{value:#?}\n"));
    }

    /// Records an error and its rejection, each with all of its sources.
    pub(crate) fn record_error<T, E>(&self, expected: &str, outcome: Result<T, E>)
    where
        E: Error + Clone + Into<Rejection> + 'static,
    {
        let Err(error) = outcome else { panic!("{expected} is expected") };
        let rejection: Rejection = error.clone().into();
        assert_eq!(rejection.code(), expected);
        self.write(rejection.detail());
        let errors: [&dyn Error; 2] = [&error, &rejection];
        for error in errors {
            let mut error = Some(error);
            while let Some(next) = error {
                self.write(&format!("{next}\n{next:?}\n{next:#?}\n"));
                error = next.source();
            }
        }
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    fn write(&self, text: &str) {
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }
}

impl io::Write for RecordedOutput {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for RecordedOutput {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
