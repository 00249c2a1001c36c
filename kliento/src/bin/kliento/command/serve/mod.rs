//! `kliento serve`: verification over HTTP, for software in any language.

mod api;
mod connections;

use std::future::Future;
use std::io::IsTerminal as _;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use self::api::Verifier;
use crate::arguments::TrustOptions;
use crate::failure::Failure;
use crate::report::Status;
use crate::terminal;

/// Serve verification over HTTP, with the API of the Kliento Verifier
///
/// `POST /?audience=AUD` with a bundle answers 200 and JSON, whose `status` is `valid`, `invalid`
/// or `malformed`. The content type is application/vnd.kliento.token-bundle, which is the default,
/// or application/vnd.kliento.auth-header for the value of an Authorization header. `GET /health`
/// answers 200. SIGTERM and SIGINT stop it gracefully. `RUST_LOG` sets what is logged.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    #[command(flatten)]
    trust: TrustOptions,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let level = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
        tracing_subscriber::fmt()
            .with_env_filter(level.from_env_lossy())
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .init();
        Runtime::new().map_err(Failure::Runtime)?.block_on(self.serve())?;
        Ok(Status::Valid)
    }

    async fn serve(&self) -> Result<(), Failure> {
        let failed = |source| Failure::Listen { address: self.listen, source };
        let stopped = stop_signal().map_err(Failure::Runtime)?;
        let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        terminal::print(&format!("listening on http://{address}\n"))?;
        if self.trust.has_fixed_time() {
            tracing::warn!("the time stands still (--at): bundles never end, so this is for tests");
        }
        connections::serve(listener, api::router(Verifier::new(self.trust.clone())), stopped).await;
        Ok(())
    }
}

/// Ends when the process is asked to stop.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when the process is asked to stop.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "no signal can stop the service");
            std::future::pending::<()>().await;
        }
    })
}
