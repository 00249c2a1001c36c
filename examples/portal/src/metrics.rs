//! `--metrics`: the metrics of this process in Prometheus' text format.

use std::future::pending;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::Method;
use http::header::CONTENT_TYPE;
use http_guard::serve::Server;
use http_guard::telemetry::isolate;
use http_guard::{Supervisor, log};
use kleidia_tower::metrics::DURATION_BUCKETS;
use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::BoxError;

/// The durations of requests. Its name, labels and bounds are those of OpenTelemetry's semantic
/// conventions (`http.server.request.duration`), as Prometheus spells them.
const REQUEST_DURATION: &str = "http_server_request_duration_seconds";
const REQUEST_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The requests in progress (`http.server.active_requests`).
const ACTIVE_REQUESTS: &str = "http_server_active_requests";
/// The durations of the layer for workloads: a known bundle takes microseconds.
const KLIENTO_DURATION: &str = "kliento_authentication_duration_seconds";
const KLIENTO_BUCKETS: [f64; 12] =
    [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.25, 2.5];

/// How often the recorded durations are counted, which need memory until then.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The recorder of this process and its listener, if there is one.
pub(crate) struct Metrics(Option<(PrometheusHandle, TcpListener)>);

impl Metrics {
    /// Records what this process counts from now on, and listens on the address.
    pub(crate) async fn start(address: Option<SocketAddr>) -> Result<Self, BoxError> {
        let Some(address) = address else { return Ok(Self(None)) };
        let listener = TcpListener::bind(address).await;
        let listener = listener
            .map_err(|error| format!("--metrics: failed to listen on {address}: {error}"))?;
        let recorder = install()?;
        log::announce(&format!("metrics on http://{}/metrics", listener.local_addr()?));
        Ok(Self(Some((recorder, listener))))
    }

    /// Has the requests of these routes measured.
    pub(crate) fn layer(&self, routes: Router) -> Router {
        if self.0.is_some() { routes.layer(from_fn(measure)) } else { routes }
    }

    /// Serves `GET /metrics` while the work lasts.
    pub(crate) async fn serve_during<T>(self, work: impl Future<Output = T>) -> T {
        let Some((recorder, listener)) = self.0 else { return work.await };
        let serve = async {
            let rendered = recorder.clone();
            let render = async move || {
                ([(CONTENT_TYPE, "text/plain; version=0.0.4")], rendered.render()).into_response()
            };
            let routes = Router::new().route("/metrics", get(render));
            let server = Server::new();
            tokio::join!(server.serve(listener, routes, pending()), upkeep(&recorder));
            pending().await
        };
        tokio::select! {
            output = work => output,
            never = serve => never,
        }
    }
}

fn install() -> Result<PrometheusHandle, BuildError> {
    let full = |name: &str| Matcher::Full(name.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .set_buckets_for_metric(full(REQUEST_DURATION), &REQUEST_BUCKETS)?
        .set_buckets_for_metric(full(KLIENTO_DURATION), &KLIENTO_BUCKETS)?
        .install_recorder()?;
    kleidia_tower::metrics::describe();
    isolate(|| {
        metrics::describe_histogram!(
            REQUEST_DURATION,
            Unit::Seconds,
            "Requests, until their response begins"
        );
        metrics::describe_gauge!(
            ACTIVE_REQUESTS,
            Unit::Count,
            "Requests whose response has not begun"
        );
    });
    Ok(recorder)
}

/// Counts what was recorded, again and again.
async fn upkeep(recorder: &PrometheusHandle) {
    let supervisor = Supervisor::new("metrics").with_interval(UPKEEP_INTERVAL);
    let _running = supervisor.start();
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        supervisor.run_iteration(|| recorder.run_upkeep());
    }
}

/// Measures a request. A client chooses the path and the method, and must not choose how many time
/// series there are: the route is its pattern, and none if no route matches.
async fn measure(request: Request, next: Next) -> Response {
    let method = method_name(request.method());
    let route =
        request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let active = ActiveRequest::new(method);
    let started_at = Instant::now();
    let response = next.run(request).await;
    drop(active);
    let status = response.status().as_str().to_owned();
    isolate(|| {
        metrics::histogram!(
            REQUEST_DURATION,
            "http_request_method" => method,
            "http_route" => route,
            "http_response_status_code" => status,
            "url_scheme" => "http",
        )
        .record(started_at.elapsed());
    });
    response
}

/// A request in progress, also if its client disconnects.
struct ActiveRequest(&'static str);

impl ActiveRequest {
    fn new(method: &'static str) -> Self {
        let request = Self(method);
        request.add(1.0);
        request
    }

    fn add(&self, change: f64) {
        isolate(|| {
            metrics::gauge!(
                ACTIVE_REQUESTS,
                "http_request_method" => self.0,
                "url_scheme" => "http",
            )
            .increment(change);
        });
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.add(-1.0);
    }
}

/// Returns the name of a method that is registered, or `_OTHER`, as the semantic conventions do.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
