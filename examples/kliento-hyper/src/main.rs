//! A service on bare hyper that knows which workload is calling.

mod arguments;
mod caller;
mod connections;
mod routes;

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};

use clap::Parser as _;
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
    let layer = arguments.layer().ok_or("there is no audience")?;
    let stopped = connections::stop_signal()?;
    let listener = TcpListener::bind(arguments.listen).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    connections::serve(listener, routes::service(layer), stopped).await;
    Ok(())
}
