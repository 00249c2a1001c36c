//! The client: `client [--server URL] [--bundle FILE] [--watch]` asks who it is.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kliento_tonic::v1::identity_client::IdentityClient;
use kliento_tonic::v1::{Caller, WatchRequest, WhoAmIRequest};
use kliento_tonic::{Credentials, CredentialsError};
use tonic::service::Interceptor;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

/// Asks a gRPC service who it is that asks
#[derive(Parser)]
struct Arguments {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: Endpoint,

    /// A file with a token bundle, or with the header's value [default: send none]
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,

    /// Asks until the bundle lapses
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no token bundle: {source}", path.display())]
    Bundle { path: PathBuf, source: CredentialsError },
    #[error("can't connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("the server refuses: {:?}: {}", .0.code(), visible(.0.message()))]
    Refused(#[from] Status),
    #[error("can't write: {0}")]
    Output(#[from] io::Error),
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
    let credentials = arguments.bundle.map(credentials).transpose()?;
    let channel = arguments.server.connect().await?;
    let attach = move |request: Request<()>| match credentials.clone() {
        Some(mut credentials) => credentials.call(request),
        None => Ok(request),
    };
    let mut client = IdentityClient::with_interceptor(channel, attach);
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
    let (subject, valid_until) = (visible(&caller.subject), visible(&caller.valid_until));
    writeln!(output, "{subject}, signed by the {signer}, until {valid_until}")?;
    for (name, value) in &caller.claims {
        writeln!(output, "  {}: {}", visible(name), visible(value))?;
    }
    output.flush()
}

/// A server's text, without what a terminal would obey.
fn visible(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn credentials(path: PathBuf) -> Result<Credentials, Failure> {
    let octets = fs::read(&path);
    let octets = octets.map_err(|source| Failure::Read { path: path.clone(), source })?;
    Credentials::from_file(octets).map_err(|source| Failure::Bundle { path, source })
}
