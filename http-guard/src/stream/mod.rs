//! Streams that end with their caller: server-sent events, gRPC streams, and whatever a handler
//! watches.
//!
//! A stream is authenticated when its request starts, and may live for hours. A
//! [`StreamRegistry`] checks the callers of open streams again, and ends the streams of a caller who
//! would be rejected now. Each stream has a lease, which only a successful check renews. So a stream
//! also ends if its caller cannot be checked.
//!
//! A [`Guard`](crate::Guard) returns a [`StreamWatch`] in [`Allowed`](crate::Allowed).
//! [`GuardedService`](crate::GuardedService) then wraps the bodies of streams, by the content type of
//! the response:
//!
//! | response | at the end |
//! |---|---|
//! | `text/event-stream` | a last event `session-ended`, whose data is the code, and a clean end |
//! | `application/grpc`, `application/grpc-web` | trailers with the status of gRPC and the code |
//! | others | not wrapped; [`StreamWatch::wrap`] ends a body with an error |
//!
//! A gRPC call that has not been answered within a second is watched as well: its handler may read
//! the stream of the request first. At the end its handler is dropped, and the response has the
//! status and no message. So the handler of a call that changes something must be cancel-safe: after
//! 0.9 seconds it may be dropped at any `.await`. A change that must be completed runs in a task of its
//! own. Such a call does not count for its principal, until twice the maximum is registered (429, in
//! gRPC the status 8), and it may finish within 5 seconds of a shutdown. A response whose body waits
//! is a stream from then on.
//!
//! The module `websocket` (feature `websocket`) ends WebSockets with a Close frame.
//!
//! A gRPC response that is complete without waiting, within a second of its request's check, is not a
//! stream: up to two frames of it are delivered without looking at the end of the caller. A unary call
//! whose response waits, as behind a proxy, is a stream until it is complete: nothing tells it from a
//! stream of messages, which has to end also if it sends none. It is checked once more and counts for
//! its principal meanwhile.
//!
//! Inside an event or a message the body ends with an error, so that no client takes a part for the
//! whole. So does an event stream with a `Content-Length` or a `Content-Encoding`, and
//! `application/grpc-web-text`. The last event has a `retry` of 1 to 5 seconds at random: browsers
//! that lose their streams at the same time do not come back at the same time.
//!
//! # Rules
//! - Each poll of a body looks first whether the stream has ended, so nothing is delivered
//!   afterwards, except what the server has already taken from the body. The rest is dropped.
//! - A stream whose caller has expired as far as is known is suspended, until the check that decides.
//!   So is one that is opened more than a second after its request's check.
//! - A client that does not read delays the last event, but an ended stream no longer counts for its
//!   principal. The server must close its connection, as [`serve::Server`](crate::serve::Server)
//!   does after its write timeout if the client reads nothing at all on the connection. A client that
//!   reads other streams of HTTP/2 keeps the ended one until it closes the connection: twice the
//!   maximum at most.
//! - The handler's stream is dropped when the body is polled after the end, and the stream of the
//!   request with it. A handler that gives the request to a task has to run that by
//!   [`StreamWatch::run_until_ended`]. So has one without gRPC that reads the request for long before
//!   it responds.
//! - A body that ends with an error closes a connection of HTTP/1.0, which looks like its end. Have
//!   proxies speak HTTP/1.1.
//! - Streams end with the runtime of the task that checks them, which is that of the first stream. A
//!   later one starts the task again.

mod body;
mod call;
mod check;
mod condition;
mod end;
mod entries;
#[cfg(feature = "axum")]
mod extract;
mod format;
mod group;
pub(crate) mod instruments;
mod open_stream;
mod registry;
mod request_stream;
mod settings;
mod state;
mod sweeper;
mod sync;
mod watch;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use body::WatchedBody;
pub(crate) use body::watch_response;
pub(crate) use call::UnansweredCall;
pub use check::{StreamCheck, StreamCheckFuture, StreamDecision, StreamFollower};
pub use end::{Reconnection, StreamEnd};
#[cfg(feature = "axum")]
pub use extract::StreamWatchRejection;
pub use open_stream::OpenStream;
pub use registry::{StreamRegistry, WeakStreamRegistry};
pub use settings::StreamSettings;
pub use watch::{Ended, StreamWatch};

use crate::ResponseBody;

#[cfg(test)]
mod tests;
