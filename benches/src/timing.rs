//! Times operations alternately.

use std::time::{Duration, Instant};

/// The median times of two operations.
#[derive(Clone, Copy, Debug)]
pub struct Medians {
    /// Of the first operation.
    pub first: Duration,
    /// Of the second operation.
    pub second: Duration,
}

impl Medians {
    /// Times two operations alternately, so that load on the machine affects both.
    pub fn time_alternating(rounds: usize, first: impl Fn(), second: impl Fn()) -> Self {
        let [first, second] = medians(rounds, &mut [&mut || time(&first), &mut || time(&second)]);
        Self { first, second }
    }

    /// Returns the first time divided by the second.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        ratio(self.first, self.second)
    }
}

/// Runs several operations alternately, and returns the median of the time that each one returns.
///
/// Each operation measures itself, so that its preparation and cleanup do not count.
pub fn medians<const N: usize>(
    rounds: usize,
    operations: &mut [&mut dyn FnMut() -> Duration; N],
) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for round in 0..rounds {
        for position in 0..N {
            // The order varies, since each operation finds the processor's caches as the previous
            // one left them.
            let index = if round % 2 == 0 { position } else { N - 1 - position };
            let index = (index + round / 2) % N;
            times[index].push(operations[index]());
        }
    }
    times.map(median_time)
}

/// Returns the duration of an operation.
pub fn time<T>(operation: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = operation();
    let elapsed = start.elapsed();
    drop(result);
    elapsed
}

/// Returns the first time divided by the second.
#[must_use]
pub fn ratio(first: Duration, second: Duration) -> f64 {
    first.as_secs_f64() / second.as_secs_f64()
}

/// Returns the number of rounds: `requested` under `cargo bench`, and 3 in tests.
#[must_use]
pub fn rounds(requested: usize) -> usize {
    if is_measured() { requested } else { 3 }
}

/// Returns whether figures are measured: `cargo bench` runs this, not a test.
#[must_use]
pub fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Returns the median of some figures.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn median_time(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
