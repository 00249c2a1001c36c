//! `kliento agent`: tokens for the workloads of this machine.

mod allow;
mod api;
mod callers;
mod check;
mod config;
mod credentials;
mod failure;
mod identity;
mod listen;
mod report;
mod run;
mod service;
mod slots;
mod status;
mod token_errors;

use std::path::PathBuf;

pub(crate) use self::failure::AgentFailure;
use crate::failure::Failure;
use crate::report::Status;

/// Hand out tokens to the workloads of this machine
///
/// The agent has the key and keeps the organisation's DNSSEC chain fresh. A workload asks for a
/// token over a Unix socket: `curl --unix-socket SOCKET 'http://localhost/token?audience=AUD'`
/// returns JSON with `token` and `expires_at`, or with `Accept: text/plain` the value of an
/// Authorization header. Which audiences and claims a user may have is in the configuration.
/// SIGHUP reloads it, SIGTERM and SIGINT stop the agent. `RUST_LOG` filters the log.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_long_help = EXAMPLE)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration
    #[arg(long, value_name = "FILE.toml", required = true)]
    config: Option<PathBuf>,

    /// A user whom the rules without `uid` allow tokens [default: the agent's own user]
    ///
    /// May be given several times.
    #[arg(long, value_name = "UID")]
    allow_uid: Vec<u32>,
}

#[derive(clap::Subcommand)]
enum Command {
    Status(status::Arguments),
}

const EXAMPLE: &str = r#"A configuration:
  organisation = "example.com"
  [listen]
  socket = "/run/kliento/agent.sock"
  [chain]
  resolver = "system"                        # or an address, or an https:// URL
  store = "/var/lib/kliento/chain.der"       # for restarts while the resolver is away
  [identity]
  key = "/etc/kliento/organisation.pem"      # or member-bundle and member-key
  member = "orders"                          # the bot if it is missing
  [[allow]]
  uid = 1000
  audiences = ["https://api.example.com"]
  claims = { permission = ["read-only"] }"#;

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match (&self.command, &self.config) {
            (Some(Command::Status(arguments)), _) => arguments.run(),
            (None, Some(config)) => run::run(config, &self.allow_uid),
            (None, None) => Err(AgentFailure::Contradiction("--config is missing").into()),
        }
    }
}
