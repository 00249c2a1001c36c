//! Operations, timed in turn.

use std::time::{Duration, Instant};

/// The median times of two operations.
#[derive(Clone, Copy, Debug)]
pub struct Medians {
    /// The first operation's.
    pub first: Duration,
    /// The second one's.
    pub second: Duration,
}

impl Medians {
    /// Times two operations in turn, so that what disturbs the machine disturbs both.
    pub fn alternate(rounds: usize, first: impl Fn(), second: impl Fn()) -> Self {
        let [first, second] = medians(rounds, &mut [&mut || time(&first), &mut || time(&second)]);
        Self { first, second }
    }

    /// How many times the second the first takes.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        ratio(self.first, self.second)
    }
}

/// Has each of several operations time itself, in turn, and gives the median of each.
///
/// What an operation does before and after it looks at the clock, such as to prepare what it needs
/// and to drop what it made, does not count.
pub fn medians<const N: usize>(
    rounds: usize,
    operations: &mut [&mut dyn FnMut() -> Duration; N],
) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for round in 0..rounds {
        for place in 0..N {
            // Who goes first changes, and so does who follows whom: the next one finds the
            // processor's caches as they were left.
            let turn = if round % 2 == 0 { place } else { N - 1 - place };
            let turn = (turn + round / 2) % N;
            times[turn].push(operations[turn]());
        }
    }
    times.map(median)
}

/// How long an operation takes.
pub fn time<T>(operation: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let made = operation();
    let elapsed = start.elapsed();
    drop(made);
    elapsed
}

/// How many times the second the first is.
#[must_use]
pub fn ratio(first: Duration, second: Duration) -> f64 {
    first.as_secs_f64() / second.as_secs_f64()
}

/// How often to measure: few times unless `cargo bench` asks, for tests only want to see it run.
#[must_use]
pub fn rounds(wanted: usize) -> usize {
    if std::env::args().any(|argument| argument == "--bench") { wanted } else { 3 }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
