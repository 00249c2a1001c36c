//! `StreamCheck`: whether the callers of open streams would still be let in.

use std::hash::Hash;
use std::pin::Pin;
use std::time::Duration;

use super::{OpenStream, StreamEnd, WeakStreamRegistry};

/// Checks whether the callers of open streams would still be let in.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use http_guard::Problem;
/// use http_guard::stream::{
///     OpenStream, Reconnection, StreamCheck, StreamCheckFuture, StreamDecision, StreamEnd,
///     StreamRegistry, StreamSettings,
/// };
///
/// /// A key that an operator can revoke.
/// struct KeyCheck(Arc<AtomicBool>);
///
/// impl StreamCheck for KeyCheck {
///     type Principal = &'static str;
///     type Key = ();
///     type Stream = ();
///
///     fn check(&self, _: &'static str, _: (), streams: Vec<OpenStream<Self>>) -> StreamCheckFuture {
///         let is_revoked = self.0.load(Ordering::SeqCst);
///         Box::pin(async move {
///             let problem = Problem::unauthorized("key_revoked", "The key is revoked");
///             let revoked = StreamDecision::End(StreamEnd::new(problem, Reconnection::Never));
///             let allowed = StreamDecision::Allow { valid_for: None };
///             vec![if is_revoked { revoked } else { allowed }; streams.len()]
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let is_revoked = Arc::new(AtomicBool::new(false));
/// let registry = StreamRegistry::new(KeyCheck(Arc::clone(&is_revoked)), StreamSettings::default());
/// // A guard returns it in `Allowed`, and inserts it into the extensions of the request.
/// let watch = registry.watch("alice", (), ());
/// is_revoked.store(true, Ordering::SeqCst);
/// assert_eq!(watch.ended().await.code(), "key_revoked");
/// # }
/// ```
pub trait StreamCheck: Send + Sync + Sized + 'static {
    /// Whose open streams are counted together.
    type Principal: Clone + Eq + Hash + Send + Sync;

    /// What is checked at once, such as a session: all of its streams share the check.
    type Key: Clone + Eq + Send + Sync;

    /// What is known of a stream.
    type Stream: Send + Sync;

    /// Checks the streams with a key, and returns a decision for each, in this order. A stream
    /// without a decision is [unknown](StreamDecision::Unknown).
    ///
    /// It runs right after a stream was opened, each half lease, when the validity of a stream ends,
    /// and on request. It is dropped if it takes longer than a quarter of the lease (at least 1 second,
    /// at most 5), and repeated after a second. At most 64 checks run at the same time.
    ///
    /// It must not keep an [`OpenStream`] when it has returned: the stream holds the registry, which
    /// would live as long.
    fn check(
        &self,
        principal: Self::Principal,
        key: Self::Key,
        streams: Vec<OpenStream<Self>>,
    ) -> StreamCheckFuture;

    /// Returns how long a stream that is being opened is valid, as far as it is known; `None` by
    /// default, for the lease.
    fn valid_for(&self, _stream: &Self::Stream) -> Option<Duration> {
        None
    }

    /// Returns a task that ends or checks streams on events; none by default. Its subscription must
    /// exist when this returns. It runs until the registry is dropped.
    fn follow(&self, _registry: WeakStreamRegistry<Self>) -> Option<StreamFollower> {
        None
    }

    /// Called after streams with one key were ended, to report it; does nothing by default. A panic
    /// does not matter.
    fn on_end(
        &self,
        _principal: &Self::Principal,
        _key: &Self::Key,
        _streams: &[OpenStream<Self>],
        _end: StreamEnd,
    ) {
    }
}

/// The future of a check.
pub type StreamCheckFuture = Pin<Box<dyn Future<Output = Vec<StreamDecision>> + Send>>;

/// The future of a task that follows events.
pub type StreamFollower = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether a stream may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamDecision {
    /// Its caller would be let in now. The lease starts again.
    Allow {
        /// How long that is valid at most, from the start of the check, as until the session
        /// expires. Then the stream is suspended and checked.
        valid_for: Option<Duration>,
    },
    /// Its caller would be rejected.
    End(StreamEnd),
    /// The caller cannot be checked now. The lease goes on.
    Unknown,
}
