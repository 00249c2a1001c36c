//! A service on bare hyper that authenticates workloads.

mod arguments;
mod caller;
mod routes;

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};

use clap::Parser as _;
use http_guard::serve::{Server, shutdown_signal};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::Arguments;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let level = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    tracing_subscriber::fmt()
        .with_env_filter(level.from_env_lossy())
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let layer = arguments.layer()?;
    let shutdown = shutdown_signal()?;
    let listener = TcpListener::bind(arguments.listen).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let summary = Server::new().serve(listener, routes::service(layer), shutdown).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    Ok(())
}
