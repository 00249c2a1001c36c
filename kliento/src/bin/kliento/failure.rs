//! Why a command could not do what it was asked: wrong usage, and files that can't be used.

use std::io;
use std::net::SocketAddr;

use veraid::TimestampError;

/// The exit status of wrong usage; it is clap's own as well.
pub(crate) const EXIT_STATUS: u8 = 2;

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("can't read {name}: {source}")]
    Read { name: String, source: io::Error },
    #[error("the chain is about the TXT records of several names: {}", .0.join(", "))]
    SeveralOwners(Vec<String>),
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("can't start: {0}")]
    Runtime(#[source] io::Error),
    #[error("can't write to standard output: {0}")]
    StandardOutput(#[source] io::Error),
    #[error("the system's clock is outside the years 0 to 9999: {0}")]
    Clock(#[source] TimestampError),
}

impl Failure {
    /// What the user may do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Clock(_) => Some("give the instant with --at"),
            Self::SeveralOwners(_) => Some("choose one with --name"),
            Self::Listen { .. } => Some("choose another address with --listen"),
            Self::Read { .. } | Self::Runtime(_) | Self::StandardOutput(_) => None,
        }
    }
}
