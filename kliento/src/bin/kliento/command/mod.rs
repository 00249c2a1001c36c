//! The commands, each in its own file.

mod chain;
mod inspect;
mod serve;
mod verify;

use crate::failure::Failure;
use crate::report::Status;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Verify(verify::Arguments),
    Inspect(inspect::Arguments),
    #[command(subcommand)]
    Chain(chain::Command),
    Serve(serve::Arguments),
}

impl Command {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match self {
            Self::Verify(arguments) => arguments.run(),
            Self::Inspect(arguments) => arguments.run(),
            Self::Chain(command) => command.run(),
            Self::Serve(arguments) => arguments.run(),
        }
    }
}
