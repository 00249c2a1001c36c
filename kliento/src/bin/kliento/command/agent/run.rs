//! The process of the agent: its listener, its signals, and the service manager.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http_guard::log::{self, LogFormat};
use http_guard::serve::{Server, shutdown_signal};
use http_guard::{Supervisor, event, log_text, log_text_up_to};
use sd_notify::NotifyState;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::api;
use super::callers::CallerListener;
use super::listen::AgentListener;
use super::service::{Loader, Service};
use crate::failure::Failure;
use crate::report::Status;

/// The maximum number of connections. Callers hold one for milliseconds.
const MAX_CONNECTIONS: u32 = 256;
/// The maximum number of those of one user.
const MAX_CONNECTIONS_PER_USER: u32 = 64;
const MAX_HEAD_OCTETS: u32 = 16 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run(config: &Path, allow_uids: &[u32]) -> Result<Status, Failure> {
    let _log = log::init(LogFormat::Text).map_err(Failure::Runtime)?;
    let runtime = Runtime::new().map_err(Failure::Runtime)?;
    runtime.block_on(serve(config, allow_uids))?;
    // Name resolution and files may block a thread; nothing that they do is worth a wait.
    runtime.shutdown_background();
    Ok(Status::Valid)
}

async fn serve(config: &Path, allow_uids: &[u32]) -> Result<(), Failure> {
    let shutdown = shutdown_signal().map_err(Failure::Runtime)?;
    let reload = signal(SignalKind::hangup()).map_err(Failure::Runtime)?;
    let mut default_uids: BTreeSet<u32> = allow_uids.iter().copied().collect();
    if default_uids.is_empty() {
        default_uids.insert(rustix::process::geteuid().as_raw());
    }
    let (path, has_allow_uid) = (config.to_owned(), !allow_uids.is_empty());
    let mut loader = Loader { path, default_uids, has_allow_uid, is_loopback: false };
    let service = loader.load(None).await?;
    let listener = AgentListener::open(&service.listen)?;
    loader.is_loopback = matches!(listener, AgentListener::Loopback(_));
    loader.check_loopback(&service)?;
    if loader.is_loopback {
        event!(warn, "every process of this machine may have the tokens of the rules for any uid");
    }
    log::announce(&format!("listening on {}", listener.describe()));
    let service = Arc::new(ArcSwap::from_pointee(service));
    let router = api::router(Arc::clone(&service));
    let server = server()?;
    notify(&[NotifyState::Ready]);
    let stopping = async {
        shutdown.await;
        notify(&[NotifyState::Stopping]);
    };
    let serving = async {
        match listener {
            // The file is removed when no request is left.
            AgentListener::Unix(listener, _file) => {
                let listener = CallerListener::new(listener, Arc::clone(&service));
                server.serve(listener, router, stopping).await
            }
            AgentListener::Loopback(listener) => server.serve(listener, router, stopping).await,
        }
    };
    tokio::select! {
        summary = serving => {
            let dropped_requests = summary.dropped_requests();
            event!(info, dropped_requests, "stopped");
        }
        () = reload_on_signal(reload, &loader, &service) => {}
    }
    Ok(())
}

fn server() -> Result<Server, super::AgentFailure> {
    Ok(Server::new()
        .with_max_connections_per_address(MAX_CONNECTIONS)?
        .with_max_connections(MAX_CONNECTIONS)?
        .with_max_connections_per_user(MAX_CONNECTIONS_PER_USER)?
        .with_max_head_octets(MAX_HEAD_OCTETS)?
        .with_head_timeout(HEAD_TIMEOUT)?
        .with_idle_timeout(IDLE_TIMEOUT)?)
}

/// Reloads the configuration on each SIGHUP. An invalid one keeps the last valid one.
async fn reload_on_signal(mut signal: Signal, loader: &Loader, service: &ArcSwap<Service>) {
    let supervisor = Supervisor::new("agent-reload");
    while signal.recv().await.is_some() {
        let monotonic = NotifyState::monotonic_usec_now().ok();
        notify(
            &[Some(NotifyState::Reloading), monotonic].into_iter().flatten().collect::<Vec<_>>(),
        );
        supervisor.run_async_iteration(reload(loader, service)).await;
        notify(&[NotifyState::Ready]);
    }
}

async fn reload(loader: &Loader, service: &ArcSwap<Service>) {
    let last = service.load_full();
    match loader.load(Some(&last)).await {
        Ok(new) => {
            if new.listen != last.listen {
                event!(warn, "a change of listen takes effect when the agent is restarted");
            }
            service.store(Arc::new(new));
            event!(info, "configuration reloaded");
        }
        Err(failure) => {
            let error = failure.to_string();
            service.store(Arc::new(last.with_reload_error(error.clone())));
            let error = log_text_up_to(1000, &error);
            event!(error, error, "invalid configuration, keeping the last valid one");
        }
    }
}

/// Tells the service manager, if one listens.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        event!(debug, error = log_text(error), "no service manager was notified");
    }
}
