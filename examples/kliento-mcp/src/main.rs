//! An MCP server whose tools know which workload calls them.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod arguments;
mod orders;
mod routes;

use std::error::Error;

use clap::Parser as _;
use http_guard::log::{self, LogFormat};
use http_guard::serve::{Server, shutdown_signal};
use tokio::net::TcpListener;

use crate::arguments::Arguments;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let _log = log::init(LogFormat::Text)?;
    let layer = arguments.layer()?;
    let signal = shutdown_signal()?;
    let listener = TcpListener::bind(arguments.listen).await?;
    log::announce(&format!("listening on http://{}", listener.local_addr()?));
    let routes = routes::router(layer.clone(), &arguments.hosts);
    let shutdown = async {
        signal.await;
        // Otherwise the server would wait for the streams of agents.
        layer.shut_down_streams();
    };
    let summary = Server::new().serve(listener, routes, shutdown).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    Ok(())
}
