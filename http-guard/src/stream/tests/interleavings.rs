//! All orders of the steps by which requests start streams, a sweeper checks them, and a session
//! ends: no order loses the end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::super::group::Due;
use super::super::state::now;
use super::*;

/// Only the steps of the test check streams.
struct NoCheck;

impl StreamCheck for NoCheck {
    type Principal = ();
    type Key = ();
    type Stream = ();

    fn check(&self, (): (), (): (), _: Vec<OpenStream<Self>>) -> StreamCheckFuture {
        Box::pin(async { Vec::new() })
    }
}

/// The steps of all actors, and what they share.
struct Run {
    registry: StreamRegistry<NoCheck>,
    is_session_ended: AtomicBool,
    has_events: bool,
    /// Of each request: whether it was allowed, and its stream.
    requests: [(bool, Option<StreamWatch>); 2],
    due: Vec<Due<NoCheck>>,
    /// What the sweeper has read.
    decision: StreamDecision,
}

/// The actors and how many steps they make: two requests, the sweeper, and the end of the session.
const STEPS: [usize; 4] = [2, 2, 6, 2];

impl Run {
    fn new(has_events: bool) -> Self {
        let registry = StreamRegistry::new(NoCheck, StreamSettings::default());
        registry.0.sweeper.is_manual.store(true, Ordering::Relaxed);
        Self {
            registry,
            is_session_ended: AtomicBool::new(false),
            has_events,
            requests: [(false, None), (false, None)],
            due: Vec::new(),
            decision: StreamDecision::Unknown,
        }
    }

    fn step(&mut self, actor: usize, step: usize) {
        match (actor, step) {
            (0 | 1, 0) => self.requests[actor].0 = !self.is_session_ended.load(Ordering::SeqCst),
            (0 | 1, _) if self.requests[actor].0 => {
                let watch = self.registry.watch((), (), ());
                watch.open().unwrap();
                self.requests[actor].1 = Some(watch);
            }
            (2, step) => self.sweep(step % 3, now()),
            (3, 0) => self.is_session_ended.store(true, Ordering::SeqCst),
            (3, _) if self.has_events => {
                self.registry.end(&(), &(), ENDED);
            }
            _ => {}
        }
    }

    /// A step of a check: it is taken, reads the session, and decides.
    fn sweep(&mut self, step: usize, now: u64) {
        let inner = &self.registry.0;
        match step {
            0 => {
                self.due = inner.take_requested(now);
                self.due.extend(inner.sweep(now));
            }
            1 => {
                let is_ended = self.is_session_ended.load(Ordering::SeqCst);
                self.decision = if is_ended { StreamDecision::End(ENDED) } else { ALLOW };
            }
            _ => {
                for due in self.due.drain(..) {
                    let decisions = vec![self.decision; due.streams.len()];
                    let next_check = inner.apply(&due, &decisions, now);
                    inner.finish_check(&due, next_check);
                }
            }
        }
    }

    /// Checks that no stream is open after what is due was checked.
    fn finish(mut self, order: &[usize]) {
        // Without events, the next check of a lease sees the end.
        let half_lease = u64::try_from(StreamSettings::DEFAULT_LEASE.as_micros() / 2).unwrap();
        let later = if self.has_events { now() } else { now() + half_lease };
        (0..3).for_each(|step| self.sweep(step, later));
        for (_, watch) in &self.requests {
            let end = watch.as_ref().map(StreamWatch::try_ended);
            assert!(end.is_none_or(|end| end == Some(ENDED)), "{order:?}");
        }
    }
}

/// Runs all orders that begin with this one.
fn run_orders(order: &mut Vec<usize>, has_events: bool, count: &AtomicU32) {
    let mut is_complete = true;
    for (actor, steps) in STEPS.iter().enumerate() {
        if order.iter().filter(|other| **other == actor).count() < *steps {
            is_complete = false;
            order.push(actor);
            run_orders(order, has_events, count);
            order.pop();
        }
    }
    if is_complete {
        count.fetch_add(1, Ordering::Relaxed);
        let (mut run, mut steps) = (Run::new(has_events), [0; STEPS.len()]);
        for actor in &*order {
            run.step(*actor, steps[*actor]);
            steps[*actor] += 1;
        }
        run.finish(order);
    }
}

#[test]
fn no_order_loses_the_end_of_a_session() {
    let count = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for has_events in [true, false] {
            let count = &count;
            scope.spawn(move || run_orders(&mut Vec::new(), has_events, count));
        }
    });
    assert_eq!(count.into_inner(), 2 * 83_160);
}
