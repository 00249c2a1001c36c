//! Two operations, timed in turn.

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
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // Who goes first changes too: the other finds the caches as they were left.
            if round % 2 == 0 {
                firsts.push(time(&first));
                seconds.push(time(&second));
            } else {
                seconds.push(time(&second));
                firsts.push(time(&first));
            }
        }
        Self { first: median(firsts), second: median(seconds) }
    }

    /// As [`Self::alternate`], where each run of the first needs something that is made untimed.
    pub fn alternate_prepared<T>(
        rounds: usize,
        mut prepare: impl FnMut() -> T,
        mut first: impl FnMut(&mut T),
        second: impl Fn(),
    ) -> Self {
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // What is prepared is dropped untimed too.
            let mut prepared = prepare();
            if round % 2 == 0 {
                firsts.push(time(|| first(&mut prepared)));
                seconds.push(time(&second));
            } else {
                seconds.push(time(&second));
                firsts.push(time(|| first(&mut prepared)));
            }
        }
        Self { first: median(firsts), second: median(seconds) }
    }

    /// How many times the second the first takes.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.first.as_secs_f64() / self.second.as_secs_f64()
    }
}

/// How often to measure: few times unless `cargo bench` asks, for tests only want to see it run.
#[must_use]
pub fn rounds(wanted: usize) -> usize {
    if std::env::args().any(|argument| argument == "--bench") { wanted } else { 3 }
}

fn time(operation: impl FnOnce()) -> Duration {
    let start = Instant::now();
    operation();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
