//! `Guard`: decides whether a request may reach a service.

use std::fmt;
use std::pin::Pin;

use http::{HeaderMap, Request};
use tracing::Span;

use crate::stream::StreamWatch;
use crate::{Rejection, RejectionRenderer};

/// Decides about requests, in one step or in two: a lookup that has to be awaited comes between
/// them.
///
/// [`GuardedService`](crate::GuardedService) calls [`start`](Self::start) for each request. If it
/// returns [`Check::Pending`], the service awaits the lookup and passes its output to
/// [`finish`](Self::finish). The request stays with the service, so its body can be of any type.
///
/// The [crate's example](crate) decides immediately. This one awaits a lookup:
///
/// ```
/// use http::Request;
/// use http_guard::{Allowed, Check, Decision, Guard, Rejection, RejectionRenderer};
///
/// struct QuotaGuard<R> {
///     rejection: R,
///     renderer: RejectionRenderer<R>,
/// }
///
/// async fn has_quota_left(user: String) -> bool {
///     user != "mallory"
/// }
///
/// impl<R: Rejection> Guard for QuotaGuard<R> {
///     type Rejection = R;
///     type Lookup = bool;
///
///     fn start<B>(&self, request: &mut Request<B>) -> Check<bool, R> {
///         let user = request.uri().path().to_owned();
///         Check::Pending(Box::pin(has_quota_left(user)))
///     }
///
///     fn finish<B>(&self, _: &mut Request<B>, has_quota_left: bool) -> Decision<R> {
///         if has_quota_left { Ok(Allowed::default()) } else { Err(self.rejection.clone()) }
///     }
///
///     fn renderer(&self) -> &RejectionRenderer<R> {
///         &self.renderer
///     }
/// }
/// ```
pub trait Guard: Send + Sync + 'static {
    /// The reason for which requests are rejected.
    type Rejection: Rejection;

    /// The output of the lookup; [`Infallible`](std::convert::Infallible) if there is none.
    type Lookup: Send + 'static;

    /// Decides, or returns the lookup that has to be awaited first.
    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, Self::Rejection>;

    /// Decides with the output of the lookup.
    ///
    /// # Errors
    /// The reason, if the request is rejected.
    fn finish<B>(
        &self,
        request: &mut Request<B>,
        lookup: Self::Lookup,
    ) -> Decision<Self::Rejection>;

    /// Returns the renderer of the responses to rejected requests.
    fn renderer(&self) -> &RejectionRenderer<Self::Rejection>;

    /// Called before the response to a rejected request is made, to report it; does nothing by
    /// default. A panic does not change the response.
    fn on_rejection(&self, _rejection: &Self::Rejection) {}
}

/// A decision, or the lookup that it needs.
pub enum Check<L, R> {
    /// The decision.
    Ready(Decision<R>),
    /// The lookup to await.
    Pending(LookupFuture<L>),
}

/// The future of a guard's lookup.
pub type LookupFuture<L> = Pin<Box<dyn Future<Output = L> + Send>>;

/// Whether a request is allowed or rejected.
pub type Decision<R> = Result<Allowed, R>;

/// A request that is allowed to reach the inner service.
#[derive(Debug)]
pub struct Allowed {
    /// Headers to append to the response; none by default.
    pub response_headers: Option<Box<HeaderMap>>,
    /// The span in which the inner service is called and polled; [`Span::none`] by default.
    pub span: Span,
    /// Ends the response if it is a [stream](crate::stream) of a caller who would be rejected by
    /// then; none by default.
    pub watch: Option<StreamWatch>,
}

impl Default for Allowed {
    fn default() -> Self {
        Self { response_headers: None, span: Span::none(), watch: None }
    }
}

impl<L, R: fmt::Debug> fmt::Debug for Check<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(decision) => f.debug_tuple("Ready").field(decision).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}
