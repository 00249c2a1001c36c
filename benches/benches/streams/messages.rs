//! What a message costs more than that of the bare body.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use benches::Target::AtMost;
use benches::{Comparison, medians, rounds, time};
use http_body::Body;

use crate::bodies::{Messages, Streams};
use crate::users::Users;

/// The messages per measurement, since a single one takes less than reading the clock.
const MESSAGES: u32 = 1000;
const BUDGET: (&str, Duration) = ("100 ns", Duration::from_nanos(100));

/// Messages as they are sent: of some octets, and of 1 KiB.
const EVENT: &[u8] = b"data: 1795370580000\n\n";
const CALL_MESSAGE: &[u8] = &{
    let mut message = [0; 5 + 1024];
    // The length, in the prefix.
    message[3] = 4;
    message
};

pub(crate) fn all(users: &Users) -> Vec<Comparison> {
    [
        ("an event, more than bare", "text/event-stream", EVENT),
        ("a gRPC message of 1 KiB, more than bare", "application/grpc", CALL_MESSAGE),
    ]
    .map(|(label, content_type, message)| {
        let mut bare = Messages(Some(message));
        let mut wrapped = users.open(0, Streams { content_type, body: bare });
        let [wrapped, bare] = medians(
            rounds(5000),
            &mut [&mut || poll_messages(&mut wrapped), &mut || poll_messages(&mut bare)],
        );
        let more = wrapped.saturating_sub(bare) / MESSAGES;
        Comparison::from_times((label, more), BUDGET, Some(AtMost(1.0)))
    })
    .into()
}

fn poll_messages(body: &mut (impl Body + Unpin)) -> Duration {
    let mut context = Context::from_waker(Waker::noop());
    time(|| {
        for _ in 0..MESSAGES {
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut *body).poll_frame(&mut context) else {
                panic!("no message");
            };
            black_box(frame);
        }
    })
}
