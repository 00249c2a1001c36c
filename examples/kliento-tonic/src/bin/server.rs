//! The server: `server --audience AUD... [--listen ADDR] [--trust-anchor DS]... [--clock RFC3339]`.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kliento::{Timestamp, TrustAnchor};
use kliento_tonic::{IdentityService, serve};
use kliento_tower::{Clock, FixedClock, KlientoAuthLayer, SystemClock, TrustAnchors};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A gRPC service that tells workloads who they are
///
/// Callers need a Kliento token bundle but for the health service. `RUST_LOG` sets what is logged.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,

    /// For whom tokens must be; may be given several times
    #[arg(long = "audience", value_name = "AUD", required = true)]
    audiences: Vec<String>,

    /// A key of the DNS root to trust, as a DS record [default: the keys that IANA publishes]
    #[arg(long = "trust-anchor", value_name = "DS")]
    trust_anchors: Vec<TrustAnchor>,

    /// The time at which the clock stands still, for bundles that were recorded [default: it runs]
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("there is no audience")]
    NoAudience,
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("can't write: {0}")]
    Output(#[from] io::Error),
    #[error("can't serve: {0}")]
    Serve(#[from] tonic::transport::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If this can't be said either, the exit code still tells.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let level = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    tracing_subscriber::fmt()
        .with_env_filter(level.from_env_lossy())
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let clock = arguments.clock();
    let layer = arguments.layer(Arc::clone(&clock)).ok_or(Failure::NoAudience)?;
    let address = arguments.listen;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| Failure::Listen { address, source })?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(serve(listener, layer, IdentityService::new(clock)).await?)
}

impl Arguments {
    /// The clock, which is the service's too.
    fn clock(&self) -> Arc<dyn Clock> {
        match self.clock {
            Some(instant) => {
                tracing::warn!("the clock stands still: bundles never end, so this is for tests");
                Arc::new(FixedClock(instant))
            }
            None => Arc::new(SystemClock),
        }
    }

    /// The layer; there is none without an audience.
    fn layer(&self, clock: Arc<dyn Clock>) -> Option<KlientoAuthLayer> {
        let (audience, others) = self.audiences.split_first()?;
        let layer = KlientoAuthLayer::new(audience).with_clock(clock);
        let layer = others.iter().fold(layer, KlientoAuthLayer::with_audience);
        Some(match self.trust_anchors.as_slice() {
            [] => layer,
            given => layer.with_trust_anchors(TrustAnchors::new(given.to_vec())),
        })
    }
}
