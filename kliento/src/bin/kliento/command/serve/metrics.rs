//! `--metrics`: the metrics of this process in Prometheus' text format.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http_guard::Supervisor;
use http_guard::serve::Server;
use http_guard::telemetry::isolate;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

/// The histogram of the layer.
const DURATION: &str = "kliento_authentication_duration_seconds";
/// Its bounds. A known bundle takes microseconds, a verification less than a millisecond, and the
/// rest is waiting.
const BOUNDS: [f64; 12] =
    [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.25, 2.5];
/// How often the recorded durations are counted, which need memory until then.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The recorder of this process, and its listener.
pub(super) struct Metrics {
    recorder: PrometheusHandle,
    listener: TcpListener,
}

impl Metrics {
    /// Records what this process counts from now on.
    pub(super) fn install(listener: TcpListener) -> Result<Self, BuildError> {
        let histogram = Matcher::Full(DURATION.to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(histogram, &BOUNDS)?;
        Ok(Self { recorder: builder.install_recorder()?, listener })
    }

    /// Serves `GET /metrics`, until it is dropped.
    pub(super) async fn serve(self) {
        let recorder = self.recorder.clone();
        let render = async move || {
            ([(CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render()).into_response()
        };
        let routes = Router::new().route("/metrics", get(render));
        let server = Server::new();
        tokio::join!(server.serve(self.listener, routes, pending()), upkeep(&self.recorder));
    }
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

/// Counts a request with its route and its status.
pub(super) async fn count(request: Request, next: Next) -> Response {
    // A client chooses the path, and must not choose how many metrics there are.
    let route = match request.uri().path() {
        "/" => "/",
        "/authorize" => "/authorize",
        "/health" => "/health",
        _ => "other",
    };
    let response = next.run(request).await;
    record(route, response.status());
    response
}

/// Counts an answer.
pub(super) fn record(route: &'static str, status: StatusCode) {
    let status = status.as_str().to_owned();
    isolate(|| {
        metrics::counter!("kliento_serve_requests_total", "route" => route, "status" => status)
            .increment(1);
    });
}
