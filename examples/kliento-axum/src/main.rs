//! A service with axum that authenticates workloads.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod arguments;
mod caller;
mod layers;
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
    let (signal, streams) = (shutdown_signal()?, layer.clone());
    let shutdown = async move {
        signal.await;
        // Otherwise the shutdown would wait for them.
        streams.shut_down_streams();
    };
    let listener = TcpListener::bind(arguments.listen).await?;
    log::announce(&format!("listening on http://{}", listener.local_addr()?));
    let router = layers::with_layers(routes::router(layer));
    let summary = Server::new().serve(listener, router, shutdown).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    Ok(())
}
