//! The arguments of `portal user` and `portal sessions`.

use std::path::PathBuf;

use kleidia_tower::SessionId;
use kleidia_tower::rbac::RoleName;

#[derive(clap::Args)]
pub(crate) struct UserArguments {
    /// Print JSON instead of text; lists are one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(clap::Subcommand)]
pub(crate) enum UserCommand {
    /// List all accounts, in the order of their ids
    List,
    /// Create an account
    Create {
        /// The name to sign in with
        name: String,
        /// A role; may be given several times [default: user]
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        /// Print a one-time code, with which the user sets the first password, instead of setting one
        #[arg(long)]
        code: bool,
        /// Read the password from standard input instead of prompting for it
        #[arg(long, conflicts_with = "code")]
        password_stdin: bool,
        /// The user must change the password at the first sign-in
        #[arg(long, conflicts_with = "code")]
        must_change_password: bool,
    },
    /// Disable an account, and end its sessions
    Disable {
        /// The name of the account
        name: String,
    },
    /// Enable an account
    Enable {
        /// The name of the account
        name: String,
    },
    /// Remove all locks of a user's login
    Unlock {
        /// The name of the account
        name: String,
        /// Print a device token, with which the user can sign in while guessing continues
        #[arg(long)]
        device: bool,
    },
    /// Print the roles of an account, or replace them
    Roles {
        /// The name of the account
        name: String,
        /// The roles that the account then has, separated by commas
        #[arg(long, value_name = "ROLES", value_delimiter = ',')]
        set: Option<Vec<RoleName>>,
    },
    /// Print a one-time code, with which the user sets a new password
    ///
    /// It replaces an earlier code, and expires after an hour. Its use ends the sessions of the user.
    Reset {
        /// The name of the account
        name: String,
    },
    #[allow(clippy::doc_markdown, reason = "clap prints it as it is")]
    /// Create the accounts of another system, with the hashes of their passwords
    ///
    /// Each line of the file is a JSON object: username, password_hash, and optionally roles (by
    /// default user), disabled, must_change_password, display_name, email, email_verified and
    /// attributes. Hashes are bcrypt, PBKDF2, scrypt or Argon2id; the first sign-in replaces them.
    /// Accounts that exist are left as they are, so an interrupted import is run again. The exit code
    /// is 3 if lines were rejected, which are printed with the reason.
    Import(ImportArguments),
}

#[derive(clap::Args)]
pub(crate) struct ImportArguments {
    /// The file, or `-` for standard input
    pub(crate) file: PathBuf,
    /// Check each line, and create no accounts
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also create accounts with the role of an administrator
    #[arg(long)]
    pub(crate) allow_admins: bool,
}

#[derive(clap::Args)]
pub(crate) struct SessionsArguments {
    /// Print JSON instead of text; lists are one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: SessionsCommand,
}

#[derive(clap::Subcommand)]
pub(crate) enum SessionsCommand {
    /// List the active sessions of all users, or of one
    List {
        /// The name of the account
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End sessions, and revoke their refresh tokens
    #[command(group = clap::ArgGroup::new("which").required(true))]
    End {
        /// The id of a session
        #[arg(group = "which", value_name = "ID")]
        session: Option<SessionId>,
        /// All sessions of this user
        #[arg(long, group = "which", value_name = "NAME")]
        user: Option<String>,
        /// All sessions of all users, as after a backup was restored
        #[arg(long, group = "which")]
        all: bool,
    },
}
