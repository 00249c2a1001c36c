//! Runs two operations, statement by statement, in a chosen order.

use std::time::Duration;

use tokio_postgres::Client;

use crate::gate::{Event, Gate};

/// How long a statement is watched before it is looked up whether it waits for a lock.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(2);
/// How long nothing may happen.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// A point at which the statements of either node could proceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    First,
    Second,
}

/// A node while a schedule runs.
struct Node<'a> {
    gate: &'a mut Gate,
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
    /// The choices that were made where there were two.
    pub(crate) choices: Vec<Choice>,
    /// Each statement, after the number of its node.
    pub(crate) statements: Vec<String>,
}

/// Runs operations that are started behind closed gates. `choose` decides which statement is the next,
/// where both nodes have one: it is given the number of earlier choices.
pub(crate) async fn run(
    gates: &mut [Gate; 2],
    monitor: &Client,
    mut choose: impl FnMut(usize) -> Choice,
) -> Finished {
    let mut nodes =
        gates.each_mut().map(|gate| Node { gate, state: State::Computing, outcome: None });
    let (mut choices, mut statements) = (Vec::new(), Vec::new());
    loop {
        for node in &mut nodes {
            node.settle(monitor).await;
        }
        let is_held = |node: &Node<'_>| matches!(node.state, State::Held(_));
        let next = match [is_held(&nodes[0]), is_held(&nodes[1])] {
            [true, true] => {
                let choice = choose(choices.len());
                choices.push(choice);
                usize::from(choice == Choice::Second)
            }
            [true, false] => 0,
            [false, true] => 1,
            [false, false] if nodes.iter().all(|node| node.state == State::Finished) => break,
            [false, false] => {
                // A rollback is not waited for.
                let states = (&nodes[0].state, &nodes[1].state);
                let is_deadlock = states == (&State::Blocked, &State::Blocked);
                assert!(!is_deadlock, "a deadlock after {statements:#?}");
                tokio::time::sleep(LOOKUP_INTERVAL).await;
                continue;
            }
        };
        let node = &mut nodes[next];
        if let State::Held(statement) = std::mem::replace(&mut node.state, State::Running) {
            statements.push(format!("{} {statement}", next + 1));
        }
        node.gate.allow_one();
    }
    let outcomes = nodes.map(|node| node.outcome.unwrap_or_default());
    for gate in gates {
        gate.open();
    }
    Finished { outcomes, choices, statements }
}

impl Node<'_> {
    /// Waits until the node has a statement that is held or waits for a lock, or has finished.
    async fn settle(&mut self, monitor: &Client) {
        if self.state == State::Finished
            && let Ok(event) = self.gate.events.try_recv()
        {
            self.apply(event);
        }
        while matches!(self.state, State::Computing | State::Running | State::Blocked) {
            if self.state == State::Blocked && self.is_blocked(monitor).await {
                return;
            }
            let is_computing = self.state == State::Computing;
            let patience = if is_computing { MAX_SILENCE } else { LOOKUP_INTERVAL };
            if let Ok(event) = tokio::time::timeout(patience, self.gate.events.recv()).await {
                self.apply(event.expect("the gate has a sender"));
                continue;
            }
            assert!(!is_computing, "the operation does not continue");
            let is_blocked = self.is_blocked(monitor).await;
            self.state = if is_blocked { State::Blocked } else { State::Running };
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
        monitor.query_one(lookup, &[&self.gate.backend()]).await.unwrap().get(0)
    }
}
