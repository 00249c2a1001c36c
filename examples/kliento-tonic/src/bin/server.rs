//! The server: `server --audience AUD... [--allow-organisation ORG]... [--listen ADDR]`.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http_guard::log::{self, LogFormat};
use http_guard::parse_socket_address;
use http_guard::serve::shutdown_signal;
use humantime::parse_duration;
use kliento::{Timestamp, TrustAnchor};
use kliento_tonic::{IdentityService, serve};
use kliento_tower::{
    AdmissionError, Clock, FixedClock, KlientoAuthLayer, SettingError, SystemClock, TrustAnchors,
};
use tokio::net::TcpListener;

/// A gRPC service that authenticates workloads
///
/// Calls need a Kliento token bundle, except those of the health service. SIGTERM and SIGINT stop
/// it gracefully. `RUST_LOG` sets what is logged.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on, such as `[::1]:8080` or `[fe80::1%eth0]:8080`; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    #[arg(value_parser = parse_socket_address)]
    listen: SocketAddr,

    /// An audience to accept tokens for; may be given several times
    #[arg(long = "audience", value_name = "AUD", required = true)]
    audiences: Vec<String>,

    /// A key of the DNS root to trust, as a DS record [default: the keys that IANA publishes]
    #[arg(long = "trust-anchor", value_name = "DS")]
    trust_anchors: Vec<TrustAnchor>,

    /// An organisation whose workloads are allowed: example.com, or *.example.com for those below
    /// it; may be given several times [default: every organisation with DNSSEC]
    #[arg(long = "allow-organisation", value_name = "ORG")]
    allowed_organisations: Vec<String>,

    /// A subject that is allowed: user@example.com, or example.com for its bot; may be given
    /// several times
    #[arg(long = "allow-subject", value_name = "SUBJECT")]
    allowed_subjects: Vec<String>,

    /// How far in the future a token may start, at most 5m, for clients with faster clocks
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    clock_skew: Duration,

    /// A fixed time for the clock, for recorded bundles [default: the system's clock]
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no audience")]
    NoAudience,
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    AllowList(#[from] AdmissionError),
    #[error("failed to listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("failed to start the log: {0}")]
    Log(io::Error),
    #[error("failed to catch signals: {0}")]
    Signals(io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error is closed, the exit code remains.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let _log = log::init(LogFormat::Text).map_err(Failure::Log)?;
    let layer = arguments.layer()?;
    let shutdown = shutdown_signal().map_err(Failure::Signals)?;
    let address = arguments.listen;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| Failure::Listen { address, source })?;
    let bound = listener.local_addr().map_err(|source| Failure::Listen { address, source })?;
    log::announce(&format!("listening on http://{bound}"));
    let summary = serve(listener, layer, IdentityService::default(), shutdown).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    Ok(())
}

impl Arguments {
    /// Returns the clock, which the service uses too.
    fn clock(&self) -> Arc<dyn Clock> {
        match self.clock {
            Some(instant) => {
                tracing::warn!("fixed clock: bundles never expire, for tests only");
                Arc::new(FixedClock(instant))
            }
            None => Arc::new(SystemClock),
        }
    }

    /// Returns the layer.
    fn layer(&self) -> Result<KlientoAuthLayer, Failure> {
        let (audience, others) = self.audiences.split_first().ok_or(Failure::NoAudience)?;
        let layer = KlientoAuthLayer::new(audience).with_clock(self.clock());
        let mut layer = others.iter().fold(layer, KlientoAuthLayer::with_audience);
        layer = layer.with_clock_skew(self.clock_skew)?;
        let (organisations, subjects) = (&self.allowed_organisations, &self.allowed_subjects);
        if organisations.is_empty() && subjects.is_empty() {
            tracing::warn!("every organisation with DNSSEC is allowed: see --allow-organisation");
        } else {
            layer = layer.with_allowed_organisations(organisations)?;
            layer = layer.with_allowed_subjects(subjects)?;
        }
        Ok(match self.trust_anchors.as_slice() {
            [] => layer,
            given => layer.with_trust_anchors(TrustAnchors::new(given.to_vec())),
        })
    }
}
