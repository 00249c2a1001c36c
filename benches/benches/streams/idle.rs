//! What an idle stream costs: memory, and neither a task nor a timer.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use benches::Comparison;
use benches::Target::AtMost;
use http_body::Body as _;
use tokio::runtime::Handle;

use crate::bodies::{Messages, Streams};
use crate::users::Users;
use crate::{HEAP, STREAMS_OF_A_USER};

/// The target, in octets for each stream.
const MAX_OCTETS: f64 = 1024.0;
/// The tasks of a registry: two, and at most 64 checks at a time.
const MAX_TASKS: f64 = 66.0;
/// How long the checks of new streams may take.
const CHECKS: Duration = Duration::from_secs(2);

pub(crate) fn all(users: &Users) -> [Comparison; 2] {
    let count = users.authorizations.len() * STREAMS_OF_A_USER;
    let streams = Streams { content_type: "text/event-stream", body: Messages(None) };
    let tasks = Handle::current().metrics().num_alive_tasks();
    let before = HEAP.allocated();
    let mut bodies = Vec::with_capacity(count);
    for user in 0..users.authorizations.len() {
        bodies.extend((0..STREAMS_OF_A_USER).map(|_| users.open(user, streams)));
    }
    // A client waits for each.
    let mut context = Context::from_waker(Waker::noop());
    for body in &mut bodies {
        assert!(Pin::new(body).poll_frame(&mut context).is_pending(), "idle");
    }
    thread::sleep(CHECKS);
    let bare = count * size_of::<Messages>();
    let octets = HEAP.allocated().saturating_sub(before).saturating_sub(bare);
    let tasks = Handle::current().metrics().num_alive_tasks().saturating_sub(tasks);
    let label = format!("{count} idle streams");
    drop(bodies);
    [
        compare(format!("{label}, octets of each"), octets as f64 / count as f64, MAX_OCTETS),
        compare(format!("{label}, tasks of all"), tasks as f64, MAX_TASKS),
    ]
}

fn compare(subject: String, figure: f64, max: f64) -> Comparison {
    Comparison {
        subject,
        baseline: "the target".to_owned(),
        figures: [format!("{figure:.0}"), format!("{max:.0}")],
        ratio: figure / max,
        target: Some(AtMost(1.0)),
    }
}
