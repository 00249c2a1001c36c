//! Streams of workloads: they end when their bundle expires, or would no longer be accepted.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http_guard::stream::{
    OpenStream, Reconnection, StreamCheck, StreamCheckFuture, StreamDecision, StreamEnd,
    StreamRegistry, StreamSettings, StreamWatch,
};
use http_guard::{Problem, Timestamp};

use crate::access::AccessPolicy;
use crate::authenticator::Authenticator;
use crate::{KlientoAuthLayer, WorkloadIdentity};

/// The streams of a layer, and of the layers that are configured from it.
pub(crate) type WorkloadStreams = StreamRegistry<WorkloadCheck>;

/// Checks streams by the rules with which their requests were allowed.
pub(crate) struct WorkloadCheck;

/// A stream, and these rules.
pub(crate) struct WorkloadStream {
    identity: WorkloadIdentity,
    authenticator: Arc<Authenticator>,
    access: AccessPolicy,
}

/// A workload, by its subject: its bundles change.
#[derive(Clone)]
pub(crate) struct Subject(WorkloadIdentity);

/// The bundle has expired.
const TOKEN_EXPIRED: StreamEnd = StreamEnd::new(
    Problem::unauthorized("token_expired", "The token bundle has expired"),
    Reconnection::Authenticate,
);
/// A trust anchor was withdrawn.
const CREDENTIALS_INVALID: StreamEnd = StreamEnd::new(
    Problem::unauthorized(
        "credentials_invalid",
        "The token bundle has to be verified by other trust anchors",
    ),
    Reconnection::Authenticate,
);
/// The rules or an authorizer deny access.
const PERMISSION_DENIED: StreamEnd = StreamEnd::new(
    Problem::forbidden("permission_denied", "Permission denied"),
    Reconnection::Never,
);

/// Streams of workloads.
impl KlientoAuthLayer {
    /// Sets the limits of streams; [`StreamSettings::default`] by default.
    ///
    /// A [stream](http_guard::stream) is a response of server-sent events, a gRPC call, or what a handler
    /// watches by the [`StreamWatch`] in the request's extensions. It ends when its bundle expires
    /// (`token_expired`), and within the lease when one of the trust anchors by which the bundle was
    /// verified is withdrawn (`credentials_invalid`), when the rules or the authorizer no longer
    /// admit the workload (`permission_denied`), or while anchors or clock are unavailable
    /// (`unavailable`).
    ///
    /// Layers that are configured from this one share its streams, and the limit per subject.
    #[must_use]
    pub fn with_stream_settings(self, settings: StreamSettings) -> Self {
        self.with(|guard| guard.streams = Some(streams(settings)))
    }

    /// Leaves streams to the service, which has to compare
    /// [`valid_until`](WorkloadIdentity::valid_until) itself. The layer adds no [`StreamWatch`] to
    /// requests; that of an outer layer stays.
    #[must_use]
    pub fn without_streams(self) -> Self {
        self.with(|guard| guard.streams = None)
    }

    /// Ends all streams, with the code `server_shutdown`, and rejects further ones. Returns how many
    /// were open. Call it when the server begins to shut down, which otherwise waits for them.
    /// gRPC calls that are not answered may go on for 5 seconds.
    pub fn shut_down_streams(&self) -> usize {
        self.0.streams.as_ref().map_or(0, StreamRegistry::shut_down)
    }
}

pub(crate) fn streams(settings: StreamSettings) -> WorkloadStreams {
    StreamRegistry::new(WorkloadCheck, settings)
}

/// Returns the watch of a request that these rules have allowed.
pub(crate) fn watch(
    streams: &WorkloadStreams,
    identity: &WorkloadIdentity,
    authenticator: &Arc<Authenticator>,
    access: &AccessPolicy,
) -> StreamWatch {
    let stream = WorkloadStream {
        identity: identity.clone(),
        authenticator: Arc::clone(authenticator),
        access: access.clone(),
    };
    // Requests with a cached bundle share the identity, and so does the check of their streams.
    streams.watch(Subject(identity.clone()), identity.address(), stream)
}

impl StreamCheck for WorkloadCheck {
    type Principal = Subject;
    type Key = usize;
    type Stream = WorkloadStream;

    fn check(&self, _: Subject, _: usize, streams: Vec<OpenStream<Self>>) -> StreamCheckFuture {
        Box::pin(async move {
            let mut decisions = Vec::with_capacity(streams.len());
            for stream in &streams {
                decisions.push(stream.check().await);
            }
            decisions
        })
    }

    fn valid_for(&self, stream: &WorkloadStream) -> Option<Duration> {
        let now = stream.authenticator.now();
        // Without a clock the stream waits for its check.
        Some(now.map_or(Duration::ZERO, |now| stream.left(now)))
    }
}

impl WorkloadStream {
    async fn check(&self) -> StreamDecision {
        let (Ok(anchors), Some(now)) =
            (self.authenticator.current_anchors().await, self.authenticator.now())
        else {
            return StreamDecision::Unknown;
        };
        if anchors.as_slice().is_empty() {
            return StreamDecision::Unknown;
        }
        if now > self.identity.valid_until() {
            return StreamDecision::End(TOKEN_EXPIRED);
        }
        // More anchors do not matter: the bundle would be verified by the same one.
        if !anchors.contains_all_of(self.identity.trust_anchors()) {
            return StreamDecision::End(CREDENTIALS_INVALID);
        }
        if !self.access.is_permitted(&self.identity) {
            return StreamDecision::End(PERMISSION_DENIED);
        }
        StreamDecision::Allow { valid_for: Some(self.left(now)) }
    }

    /// Returns how long the identity is still valid.
    fn left(&self, now: Timestamp) -> Duration {
        self.identity.valid_until().duration_since(now).try_into().unwrap_or_default()
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.0.subject() == other.0.subject()
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.subject().hash(state);
    }
}
