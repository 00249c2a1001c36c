//! Runs two operations, statement by statement, in a chosen order.

use std::time::Duration;

use tokio_postgres::Client;

use crate::scheduler::{Choice, Scheduler};
use crate::statement_proxy::{Event, StatementProxy};

/// How long a statement is watched before it is looked up whether it waits for a lock.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(2);
/// How long nothing may happen.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// A node while a schedule runs.
struct Node<'a> {
    proxy: &'a mut StatementProxy,
    state: State,
    outcome: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The operation has no statement under way.
    Computing,
    /// A statement is held.
    Held(String),
    /// A statement proceeds.
    Running,
    /// A statement waits for a lock of the other node.
    Blocked,
    /// The operation has returned.
    Finished,
}

/// What a schedule has done.
pub(crate) struct Finished {
    pub(crate) outcomes: [String; 2],
    /// Each statement, after the number of its node.
    pub(crate) statements: Vec<String>,
}

/// Runs operations that are started behind proxies that hold their statements. The scheduler
/// decides which statement is the next, where both nodes have one.
///
/// # Errors
/// If both operations wait for each other, or one waits that `never_waits`. Both have finished then,
/// too.
pub(crate) async fn run(
    proxies: &mut [StatementProxy; 2],
    monitor: &Client,
    scheduler: &mut impl Scheduler,
    never_waits: [bool; 2],
) -> Result<Finished, String> {
    let mut nodes =
        proxies.each_mut().map(|proxy| Node { proxy, state: State::Computing, outcome: None });
    let (mut statements, mut violation) = (Vec::new(), None);
    while violation.is_none() {
        for node in &mut nodes {
            node.settle(monitor).await;
        }
        let waits = |(node, never): (&Node<'_>, bool)| never && node.state == State::Blocked;
        if nodes.iter().zip(never_waits).any(waits) {
            violation =
                Some(format!("an operation waits that never should, after {statements:#?}"));
            break;
        }
        let next = match [nodes[0].held(), nodes[1].held()] {
            [Some(one), Some(other)] => {
                usize::from(scheduler.choose([one, other]) == Choice::Second)
            }
            [Some(_), None] => 0,
            [None, Some(_)] => 1,
            [None, None] if nodes.iter().all(|node| node.state == State::Finished) => break,
            [None, None] => {
                // A rollback is not waited for.
                let states = (&nodes[0].state, &nodes[1].state);
                if states == (&State::Blocked, &State::Blocked) {
                    violation = Some(format!("a deadlock after {statements:#?}"));
                }
                tokio::time::sleep(LOOKUP_INTERVAL).await;
                continue;
            }
        };
        let node = &mut nodes[next];
        if let State::Held(statement) = std::mem::replace(&mut node.state, State::Running) {
            scheduler.proceed(next, &statement);
            statements.push(format!("{} {statement}", next + 1));
        }
        node.proxy.allow_one();
    }
    for node in &mut nodes {
        node.proxy.open();
    }
    for node in &mut nodes {
        node.finish().await;
    }
    let outcomes = nodes.map(|node| node.outcome.unwrap_or_default());
    violation.map_or(Ok(Finished { outcomes, statements }), Err)
}

impl Node<'_> {
    /// Returns the statement that is held.
    fn held(&self) -> Option<&str> {
        if let State::Held(statement) = &self.state { Some(statement) } else { None }
    }

    /// Waits until the node has a statement that is held or waits for a lock, or has finished.
    async fn settle(&mut self, monitor: &Client) {
        if self.state == State::Finished
            && let Ok(event) = self.proxy.events.try_recv()
        {
            self.apply(event);
        }
        while matches!(self.state, State::Computing | State::Running | State::Blocked) {
            if self.state == State::Blocked && self.is_blocked(monitor).await {
                return;
            }
            let is_computing = self.state == State::Computing;
            let patience = if is_computing { MAX_SILENCE } else { LOOKUP_INTERVAL };
            if let Ok(event) = tokio::time::timeout(patience, self.proxy.events.recv()).await {
                self.apply(event.expect("the proxy has a sender"));
                continue;
            }
            assert!(!is_computing, "the operation does not continue");
            let is_blocked = self.is_blocked(monitor).await;
            self.state = if is_blocked { State::Blocked } else { State::Running };
        }
    }

    /// Waits until the operation has returned. Its statements are not held any more.
    async fn finish(&mut self) {
        while self.outcome.is_none() {
            let event = tokio::time::timeout(MAX_SILENCE, self.proxy.events.recv()).await;
            self.apply(event.expect("the operation continues").expect("the proxy has a sender"));
        }
    }

    fn apply(&mut self, event: Event) {
        self.state = match event {
            Event::Held(statement) => State::Held(statement),
            Event::Answered if self.outcome.is_some() => State::Finished,
            Event::Answered => State::Computing,
            Event::Finished(outcome) => {
                self.outcome = Some(outcome);
                State::Finished
            }
        };
    }

    /// Returns whether the server lets the statement wait for another.
    async fn is_blocked(&self, monitor: &Client) -> bool {
        let lookup = "SELECT cardinality(pg_blocking_pids($1)) > 0";
        monitor.query_one(lookup, &[&self.proxy.backend()]).await.unwrap().get(0)
    }
}
