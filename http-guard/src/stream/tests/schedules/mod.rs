//! Schedules of the threads that start streams, check them, end them and deliver them: none loses
//! an end.
//!
//! `shuttle` chooses the schedules at random. The files of the module are compiled again here, with
//! the primitives of `shuttle`, which switches threads at each of their operations and treats all
//! orderings of atomics as sequentially consistent. A thread that waits for a wake-up which was lost
//! fails the test as a deadlock, with the schedule, which `shuttle::replay` repeats.
//!
//! The default number of schedules is 100,000 for the ends of sessions, and 120,000 for the rest.
//! `STREAM_SCHEDULES` multiplies it.

#![allow(
    clippy::duplicate_mod,
    dead_code,
    unfulfilled_lint_expectations,
    unreachable_pub,
    reason = "the files of the module, each with all that it has"
)]

#[path = "../../body.rs"]
mod body;
#[path = "../../check.rs"]
mod check;
#[path = "../../condition.rs"]
mod condition;
mod delivery;
mod ends;
#[path = "../../entries.rs"]
mod entries;
#[path = "../../group.rs"]
mod group;
#[path = "../../open_stream.rs"]
mod open_stream;
mod openings;
#[path = "../../registry.rs"]
mod registry;
#[path = "../../request_stream.rs"]
mod request_stream;
#[path = "../../state.rs"]
mod state;
#[path = "../../sweeper.rs"]
mod sweeper;
mod sync;
#[path = "../../watch.rs"]
mod watch;

use std::env;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use super::super::{StreamEnd, StreamSettings, format};
use super::ENDED;
use body::{WatchedBody, watch_response};
use bytes::Bytes;
use check::{StreamCheck, StreamCheckFuture, StreamDecision};
use group::Due;
use http_body_util::{Either, Full};
use open_stream::OpenStream;
use registry::{StreamRegistry, WeakStreamRegistry};
use state::{Micros, now};
use watch::StreamWatch;

type ResponseBody<B> = Either<WatchedBody<B>, Full<Bytes>>;

/// The default number of schedules of a test.
const SCHEDULES: usize = 20_000;
/// For how many changes of priorities half of the schedules are made: more than the known faults
/// need.
const DEPTH: usize = 4;
/// Of a thread. The default is too little for code that is not optimised.
const STACK_SIZE: usize = 256 * 1024;

/// Runs a scenario in many schedules: half of them entirely at random, half with random priorities,
/// which find what needs few switches at certain places.
fn run_schedules(schedules: usize, scenario: fn()) {
    let factor = env::var("STREAM_SCHEDULES");
    let count = schedules * factor.map_or(1, |factor| factor.parse().expect("a factor"));
    let mut config = Config::new();
    config.stack_size = STACK_SIZE;
    let random = Runner::new(RandomScheduler::new(count / 2), config.clone()).run(scenario);
    let priorities = PctScheduler::new(DEPTH, count - count / 2);
    assert_eq!(random + Runner::new(priorities, config).run(scenario), count);
}

/// A session, its streams, and their checks, which the threads of a test make.
struct Session {
    registry: StreamRegistry<ManualCheck>,
    is_ended: sync::AtomicBool,
    /// Shared by all streams.
    stream: Arc<()>,
}

/// Checks nothing by itself.
struct ManualCheck {
    valid_for: Option<Duration>,
}

impl StreamCheck for ManualCheck {
    type Principal = ();
    type Key = ();
    type Stream = Arc<()>;

    fn check(&self, (): (), (): (), _: Vec<OpenStream<Self>>) -> StreamCheckFuture {
        Box::pin(async { Vec::new() })
    }

    fn valid_for(&self, _: &Arc<()>) -> Option<Duration> {
        self.valid_for
    }
}

impl Session {
    fn new(valid_for: Option<Duration>, settings: StreamSettings) -> Arc<Self> {
        let registry = StreamRegistry::new(ManualCheck { valid_for }, settings);
        registry.0.sweeper.is_manual.store(true, Ordering::Relaxed);
        let is_ended = sync::AtomicBool::new(false);
        Arc::new(Self { registry, is_ended, stream: Arc::default() })
    }

    /// Returns the watch of a request, if its check allows it.
    fn request(&self) -> Option<StreamWatch> {
        let is_allowed = !self.is_ended.load(Ordering::SeqCst);
        is_allowed.then(|| self.registry.watch((), (), Arc::clone(&self.stream)))
    }

    /// Ends the session, and then its streams, as an event does.
    fn end_by_event(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
        self.registry.end(&(), &(), ENDED);
    }

    /// Makes the checks that were requested, once. Returns whether there were any.
    fn check_requested(&self) -> bool {
        let due = self.registry.0.take_requested(now());
        for due in &due {
            self.check(due);
        }
        !due.is_empty()
    }

    /// Makes the checks that were requested, until none is left.
    fn check_all_requested(&self) {
        while self.check_requested() {}
    }

    /// Makes the checks that are due by then.
    fn check_due(&self, then: Micros) {
        for due in self.registry.0.sweep(then) {
            self.check(&due);
        }
        self.check_all_requested();
    }

    /// Makes a check as the workers of the sweeper do.
    fn check(&self, due: &Due<ManualCheck>) {
        let started_at = now();
        let is_ended = self.is_ended.load(Ordering::SeqCst);
        let allow = StreamDecision::Allow { valid_for: None };
        let decision = if is_ended { StreamDecision::End(ENDED) } else { allow };
        let decisions = vec![decision; due.streams.len()];
        let next_check = self.registry.0.apply(due, &decisions, started_at);
        self.registry.0.finish_check(due, next_check);
    }

    /// Asserts that nothing is left of its streams.
    fn assert_closed(&self) {
        assert!(self.registry.is_empty());
        assert_eq!(Arc::strong_count(&self.stream), 1, "a record is left");
    }
}
