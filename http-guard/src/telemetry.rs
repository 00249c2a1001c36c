//! Log events, spans and metrics that cannot change a response.
//!
//! A subscriber, a recorder or a callback that only reports may panic. Everything in the crates of
//! this workspace that reports goes through this module: a panic costs the report and nothing else.
//!
//! ```
//! use http_guard::event;
//!
//! let count = 3;
//! event!(warn, count, "connection limit reached");
//! event!(debug, target: "example", count, "details");
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
#[doc(hidden)]
pub use tracing;
use tracing::Span;
use tracing::field::Value;
use tracing::span::Entered;

/// Logs an event as the macro of `tracing` with the name of the level does, and survives a
/// subscriber that panics.
///
/// See the [module](crate::telemetry).
#[macro_export]
macro_rules! event {
    ($level:ident, target: $target:expr, $($arguments:tt)+) => {
        $crate::telemetry::report(|| {
            $crate::telemetry::tracing::event!(
                target: $target,
                $crate::telemetry::level::$level,
                $($arguments)+
            );
        })
    };
    ($level:ident, $($arguments:tt)+) => {
        $crate::telemetry::report(|| {
            $crate::telemetry::tracing::event!($crate::telemetry::level::$level, $($arguments)+);
        })
    };
}

/// The levels by the names of `tracing`'s macros, for [`event!`](crate::event).
#[doc(hidden)]
#[allow(missing_docs, non_upper_case_globals, reason = "the names of macros")]
pub mod level {
    use tracing::Level;

    pub const trace: Level = Level::TRACE;
    pub const debug: Level = Level::DEBUG;
    pub const info: Level = Level::INFO;
    pub const warn: Level = Level::WARN;
    pub const error: Level = Level::ERROR;
}

/// Runs a closure that only reports. Returns `None` if it panics.
///
/// ```
/// use http_guard::telemetry::isolate;
///
/// assert_eq!(isolate(|| 1), Some(1));
/// assert_eq!(isolate(|| -> u32 { panic!("the recorder failed") }), None);
/// ```
pub fn isolate<T>(report: impl FnOnce() -> T) -> Option<T> {
    // What a report leaves half done is the subscriber's own state.
    catch_unwind(AssertUnwindSafe(report)).ok()
}

/// Runs a closure that only reports, and survives its panic.
#[doc(hidden)]
pub fn report(report: impl FnOnce()) {
    isolate(report);
}

/// A span whose subscriber may panic.
///
/// The work that runs inside it is not caught: only the subscriber's part is.
#[derive(Debug, Default)]
pub struct IsolatedSpan(Option<Span>);

impl IsolatedSpan {
    /// Creates a span. If the subscriber panics, the span is disabled.
    pub fn new(create: impl FnOnce() -> Span) -> Self {
        Self(isolate(create))
    }

    /// Returns the current span.
    #[must_use]
    pub fn current() -> Self {
        Self::new(Span::current)
    }

    /// Returns whether no subscriber records the span, so that values need not be computed.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.0.as_ref().is_none_or(Span::is_disabled)
    }

    /// Records the value of a field.
    pub fn record<V: Value>(&self, field: &'static str, value: V) {
        if let Some(span) = &self.0 {
            report(|| {
                span.record(field, value);
            });
        }
    }

    /// Runs the work inside the span.
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// Returns a future that is polled inside the span.
    pub fn instrument<F: Future>(self, future: F) -> Instrumented<F> {
        Instrumented { future, span: self }
    }

    /// Returns the span for code that handles it directly.
    #[must_use]
    pub fn into_inner(mut self) -> Span {
        self.0.take().unwrap_or_else(Span::none)
    }

    fn enter(&self) -> IsolatedEntered<'_> {
        IsolatedEntered(self.0.as_ref().and_then(|span| isolate(|| span.enter())))
    }
}

impl From<Span> for IsolatedSpan {
    fn from(span: Span) -> Self {
        Self(Some(span))
    }
}

impl Drop for IsolatedSpan {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            report(|| drop(span));
        }
    }
}

/// The time inside a span.
struct IsolatedEntered<'a>(Option<Entered<'a>>);

impl Drop for IsolatedEntered<'_> {
    fn drop(&mut self) {
        if let Some(entered) = self.0.take() {
            report(|| drop(entered));
        }
    }
}

pin_project! {
    /// A future that is polled inside a span; see [`IsolatedSpan::instrument`].
    #[derive(Debug)]
    pub struct Instrumented<F> {
        #[pin]
        future: F,
        span: IsolatedSpan,
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        this.future.poll(context)
    }
}
