//! The shutdown of a server.

use std::future::Future;
use std::io;

/// The phases of a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// No new requests; those that are open finish.
    Draining,
    /// The deadline has passed.
    Dropping,
}

/// The result of [`Server::serve`](super::Server::serve).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownSummary {
    pub(super) dropped_requests: usize,
    pub(super) open_upgrades: usize,
}

impl ShutdownSummary {
    /// Returns how many requests were dropped because they were not complete at the deadline.
    #[must_use]
    pub const fn dropped_requests(&self) -> usize {
        self.dropped_requests
    }

    /// Returns how many upgraded connections were open at the deadline.
    ///
    /// They belong to the handlers that upgraded them, so the server does not close them. They end
    /// with the runtime.
    #[must_use]
    pub const fn open_upgrades(&self) -> usize {
        self.open_upgrades
    }

    /// Returns `true` if all requests and upgraded connections ended before the deadline.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.dropped_requests == 0 && self.open_upgrades == 0
    }
}

/// Returns a future that ends when the process receives SIGTERM or SIGINT.
///
/// The signals are caught from this call on, so call it before the server reports that it is ready.
///
/// # Errors
/// An [`io::Error`] if the signals cannot be caught.
#[cfg(unix)]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send> {
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

/// Returns a future that ends when the process receives Ctrl-C.
///
/// # Errors
/// An [`io::Error`] if the signal cannot be caught.
#[cfg(windows)]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
