//! Tests of streams, with a check that the test controls.

mod bodies;
mod calls;
mod interleavings;
mod registry;
mod schedules;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::Problem;

const ENDED: StreamEnd =
    StreamEnd::new(Problem::unauthorized("session_ended", "It ended"), Reconnection::Never);
const ALLOW: StreamDecision = StreamDecision::Allow { valid_for: None };

/// The key whose checks never return.
const HANGING: u32 = 0;

/// Decides as the test says. Without a decision, checks do not return.
#[derive(Clone)]
struct TestCheck(Arc<Script>);

struct Script {
    decision: Mutex<Option<StreamDecision>>,
    changed: Semaphore,
    checks: Mutex<Vec<usize>>,
    ends: Mutex<Vec<(StreamEnd, usize)>>,
    valid_for: Mutex<Option<Duration>>,
}

impl StreamCheck for TestCheck {
    type Principal = &'static str;
    type Key = u32;
    type Stream = ();

    fn check(
        &self,
        _: &'static str,
        key: u32,
        streams: Vec<OpenStream<Self>>,
    ) -> StreamCheckFuture {
        let script = Arc::clone(&self.0);
        script.checks.lock().unwrap().push(streams.len());
        Box::pin(async move {
            if key == HANGING {
                std::future::pending::<()>().await;
            }
            loop {
                if let Some(decision) = *script.decision.lock().unwrap() {
                    return vec![decision; streams.len()];
                }
                script.changed.acquire().await.unwrap().forget();
            }
        })
    }

    fn valid_for(&self, (): &()) -> Option<Duration> {
        *self.0.valid_for.lock().unwrap()
    }

    fn on_end(&self, _: &&'static str, _: &u32, streams: &[OpenStream<Self>], end: StreamEnd) {
        self.0.ends.lock().unwrap().push((end, streams.len()));
        panic!("does not matter");
    }
}

struct Fixture {
    script: Arc<Script>,
    registry: StreamRegistry<TestCheck>,
}

impl Fixture {
    fn new(decision: Option<StreamDecision>, settings: StreamSettings) -> Self {
        let script = Arc::new(Script {
            decision: Mutex::new(decision),
            changed: Semaphore::new(0),
            checks: Mutex::default(),
            ends: Mutex::default(),
            valid_for: Mutex::default(),
        });
        let registry = StreamRegistry::new(TestCheck(Arc::clone(&script)), settings);
        Self { script, registry }
    }

    fn allowing() -> Self {
        Self::new(Some(ALLOW), StreamSettings::default())
    }

    fn watch(&self, key: u32) -> StreamWatch {
        self.registry.watch("alice", key, ())
    }

    fn decide(&self, decision: StreamDecision) {
        *self.script.decision.lock().unwrap() = Some(decision);
        self.script.changed.add_permits(100);
    }

    async fn wait_for_checks(&self, count: usize) {
        while self.script.checks.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    }
}
