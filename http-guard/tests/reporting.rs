//! A subscriber and a callback that panic change no response and end no server.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

#[path = "panicking_subscriber/mod.rs"]
mod panicking_subscriber;

use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Request, Response, StatusCode};
use http_guard::serve::{RequestBody, Server};
use http_guard::telemetry::IsolatedSpan;
use http_guard::{
    Allowed, Check, Decision, Guard, GuardedService, Problem, Rejection, RejectionRenderer,
    Supervisor,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

struct PathGuard(RejectionRenderer<Denied>);

#[derive(Clone, Debug)]
struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("denied")
    }
}

impl std::error::Error for Denied {}

impl Rejection for Denied {
    fn problem(&self) -> Problem {
        Problem::unauthorized("denied", "Denied")
    }
}

impl Guard for PathGuard {
    type Rejection = Denied;
    type Lookup = Result<(), Denied>;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, Denied> {
        match request.uri().path() {
            "/now" => Check::Ready(Ok(allowed())),
            "/later" => Check::Pending(Box::pin(std::future::ready(Ok(())))),
            _ => Check::Ready(Err(Denied)),
        }
    }

    fn finish<B>(&self, _: &mut Request<B>, lookup: Self::Lookup) -> Decision<Denied> {
        lookup.map(|()| allowed())
    }

    fn renderer(&self) -> &RejectionRenderer<Denied> {
        &self.0
    }

    fn on_rejection(&self, _: &Denied) {
        panicking_subscriber::fail()
    }
}

fn allowed() -> Allowed {
    let span = tracing::info_span!(target: "panicking", "request");
    Allowed { span, ..Allowed::default() }
}

async fn status(stream: &mut TcpStream, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 1024];
    let length = stream.read(&mut head).await.unwrap();
    let head = std::str::from_utf8(head.get(..length).unwrap()).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn panics_of_reports_change_no_response() {
    panicking_subscriber::install();
    let guard = Arc::new(PathGuard(RejectionRenderer::new("Test", "test")));
    let inner = tower::service_fn(async |_: Request<RequestBody>| {
        // Yields, so that the span is entered twice.
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new("ok".to_owned()))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let shutdown = async { drop(stopped.await) };
        Server::new().serve(listener, GuardedService::new(inner, guard), shutdown).await
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        for (path, expected) in [
            ("/now", StatusCode::OK),
            ("/later", StatusCode::OK),
            ("/denied", StatusCode::UNAUTHORIZED),
        ] {
            let before = panicking_subscriber::PANICS.load(Ordering::SeqCst);
            assert_eq!(status(&mut stream, path).await, expected.as_u16(), "{path}");
            assert!(panicking_subscriber::PANICS.load(Ordering::SeqCst) > before, "{path}");
        }
    }
    drop(stream);
    drop(stop);
    assert!(server.await.unwrap().is_clean());

    let supervisor = Supervisor::new("panicking");
    assert_eq!(supervisor.run_iteration(|| panicking_subscriber::fail()), None::<()>);
    assert_eq!(supervisor.run_iteration(|| 1), Some(1));

    // Work that panics inside a span unwinds through it: two panics at once would abort.
    let span = IsolatedSpan::from(tracing::info_span!(target: "panicking", "work"));
    let work = || span.in_scope(|| -> u32 { panicking_subscriber::fail() });
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    drop(span);
    assert_eq!(IsolatedSpan::current().instrument(async { 1 }).await, 1);
}
