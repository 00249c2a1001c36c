//! The commands, each in its own file.

#[cfg(unix)]
pub(crate) mod agent;
mod chain;
mod inspect;
mod issue;
mod key;
mod member;
mod mock;
pub(crate) mod serve;
mod txt_record;
mod verify;

use crate::failure::Failure;
use crate::report::Status;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Verify(verify::Arguments),
    Inspect(inspect::Arguments),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Member(member::Command),
    TxtRecord(txt_record::Arguments),
    #[command(subcommand)]
    Chain(chain::Command),
    Mock(mock::Arguments),
    Issue(issue::Arguments),
    Serve(serve::Arguments),
    #[cfg(unix)]
    Agent(agent::Arguments),
}

impl Command {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match self {
            Self::Verify(arguments) => arguments.run(),
            Self::Inspect(arguments) => arguments.run(),
            Self::Key(command) => command.run(),
            Self::Member(command) => command.run(),
            Self::TxtRecord(arguments) => arguments.run(),
            Self::Chain(command) => command.run(),
            Self::Mock(arguments) => arguments.run(),
            Self::Issue(arguments) => arguments.run(),
            Self::Serve(arguments) => arguments.run(),
            #[cfg(unix)]
            Self::Agent(arguments) => arguments.run(),
        }
    }
}
