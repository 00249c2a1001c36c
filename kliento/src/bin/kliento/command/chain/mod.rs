//! `kliento chain`: DNSSEC chains in files of their own.

#[cfg(feature = "cli")]
mod fetch;
mod verify;

use crate::failure::Failure;
use crate::report::Status;

/// Fetch and verify DNSSEC chains, from the DNS root to TXT records
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    #[cfg(feature = "cli")]
    Fetch(fetch::Arguments),
    Verify(verify::Arguments),
}

impl Command {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match self {
            #[cfg(feature = "cli")]
            Self::Fetch(arguments) => arguments.run(),
            Self::Verify(arguments) => arguments.run(),
        }
    }
}
