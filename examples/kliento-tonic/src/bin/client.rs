//! The client: `client --bundle FILE [--server URL] [--watch] [--clock RFC3339]` calls the server.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kliento::Timestamp;
use kliento_tonic::v1::identity_client::IdentityClient;
use kliento_tonic::v1::{Caller, WatchRequest, WhoAmIRequest};
use kliento_tower::FixedClock;
use kliento_tower::client::{BundleFile, KlientoClientLayer};
use tonic::Status;
use tonic::transport::Endpoint;
use tower_layer::Layer as _;

/// Calls a gRPC service, which reports the caller's identity
#[derive(Parser)]
struct Arguments {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: Endpoint,

    /// A file with a token bundle or a header value; it is re-read when it changes
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,

    /// A fixed time for the clock, for recorded bundles [default: the system's clock]
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,

    /// Receives messages until the bundle expires
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("failed to connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("{:?}: {}", .0.code(), sanitise(.0.message()))]
    Rejected(#[from] Status),
    #[error("failed to write: {0}")]
    Output(#[from] io::Error),
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
    let channel = arguments.server.connect().await?;
    // The channel connects to one server, so the layer needs no origin.
    let mut layer = KlientoClientLayer::new(BundleFile::new(arguments.bundle));
    if let Some(instant) = arguments.clock {
        layer = layer.with_clock(FixedClock(instant));
    }
    let mut client = IdentityClient::new(layer.layer(channel));
    if !arguments.watch {
        return Ok(print(&client.who_am_i(WhoAmIRequest {}).await?.into_inner())?);
    }
    let mut callers = client.watch(WatchRequest {}).await?.into_inner();
    while let Some(caller) = callers.message().await? {
        print(&caller)?;
    }
    Ok(())
}

fn print(caller: &Caller) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let signer = caller.signer().as_str_name().trim_start_matches("SIGNER_").to_lowercase();
    let (subject, valid_until) = (sanitise(&caller.subject), sanitise(&caller.valid_until));
    writeln!(output, "{subject}, signed by the {signer}, until {valid_until}")?;
    for (name, value) in &caller.claims {
        writeln!(output, "  {}: {}", sanitise(name), sanitise(value))?;
    }
    output.flush()
}

/// Replaces the hidden characters in a server's text, which may move the cursor or reorder text.
fn sanitise(text: &str) -> String {
    text.replace(http_guard::is_hidden, "\u{fffd}")
}
