//! The command line.

use std::path::PathBuf;

use crate::database::Location;
use crate::settings::Settings;

/// A portal where people sign in, on one SQLite file or on PostgreSQL
///
/// The page is at `/`, the API below `/api`. A new database has no accounts: `portal create-admin`
/// creates one. SIGTERM and SIGINT stop it gracefully. `RUST_LOG` sets what is logged.
#[derive(clap::Parser)]
#[command(name = "portal", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The database: a file, which is created if it is missing, or the URL of a database on
    /// PostgreSQL (`postgres://USER:PASSWORD@HOST/NAME`), which several nodes can share
    #[arg(long, global = true, value_name = "FILE|URL", default_value = "portal.db")]
    #[arg(env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database: Location,

    /// The file with the keys of access tokens, which is created if it is missing. Nodes on one
    /// database need the same keys [default: next to the database file, with the ending .keys, or
    /// the keys in Vault]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,

    /// A TOML file with settings, under the names of these options; options take precedence
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Create the account `admin` with a random password, and print it, unless it exists
    #[arg(long)]
    pub(crate) demo: bool,

    #[command(flatten)]
    pub(crate) settings: Settings,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Create an account with the role `admin`, and exit
    CreateAdmin {
        /// The name to sign in with
        name: String,
        /// Read the password from standard input instead of prompting for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove all locks of a user's login, and exit
    Unlock {
        /// The name to sign in with
        name: String,
        /// Print a device token, with which the user can sign in while guessing continues
        #[arg(long)]
        device: bool,
    },
    /// End the sessions of users, revoke their refresh tokens, and exit
    ///
    /// Run it after a backup was restored, before the portal starts: the backup has sessions that
    /// ended after it was made.
    EndSessions {
        /// The sessions of all users
        #[arg(long, required = true)]
        all: bool,
    },
}

const EXAMPLES: &str = "\
Examples:
  Try it:
    portal --demo

  Create an account, and start:
    portal create-admin alice
    portal --listen 127.0.0.1:8080

  Let alice sign in again after too many wrong passwords, also while the portal runs:
    portal unlock alice

  The same, while guessing continues:
    portal unlock alice --device

  End all sessions, after a backup was restored:
    portal end-sessions --all

  Two nodes on one database:
    export DATABASE_URL=postgres://portal:secret@db.example.com/portal
    portal create-admin alice
    portal --keys portal.keys --listen 10.0.0.1:8080
    portal --keys portal.keys --listen 10.0.0.2:8080";
