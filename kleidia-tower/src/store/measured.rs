//! Runs the operations and reads of a store, and measures how long they take.

use super::StoreError;
use super::operation::Operation;
use super::transactional::Transactional;
use crate::instruments::{self, Timer};

/// A store whose operations are measured: the implementations of the store traits call nothing else.
pub(super) trait Measured: Transactional {
    /// Measures [`Transactional::write`].
    fn run<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'a {
        measure(operation.name(), self.write(operation))
    }

    /// Measures [`Transactional::write_in_background`].
    fn run_in_background<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'a {
        measure(operation.name(), self.write_in_background(operation))
    }
}

impl<S: Transactional> Measured for S {}

/// Measures a read, or the run of an operation, under this name.
pub(super) async fn measure<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    // Dropped with the future if the caller goes away: a store that hangs would not show otherwise.
    let mut measurement = Measurement { operation, outcome: "cancelled", timer: Timer::start() };
    let result = work.await;
    measurement.outcome = match &result {
        Ok(_) => "ok",
        Err(StoreError::Busy) => "busy",
        Err(_) => "error",
    };
    result
}

struct Measurement {
    operation: &'static str,
    outcome: &'static str,
    timer: Timer,
}

impl Drop for Measurement {
    fn drop(&mut self) {
        let Self { operation, outcome, timer } = *self;
        instruments::record_store_operation(operation, outcome, timer);
    }
}
