//! The command line.

mod keys;
mod user;

use std::path::PathBuf;

use kleidia_tower::audit::AuditVerifierKey;

use crate::database::Location;
use crate::mail::MailArguments;
use crate::settings::Settings;

pub(crate) use self::keys::{KeysArguments, KeysCommand};
pub(crate) use self::user::{
    ImportArguments, SessionsArguments, SessionsCommand, UserArguments, UserCommand,
};

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

    /// The file with the keys of access tokens. Nodes on one database need the same keys, so with
    /// PostgreSQL the file must exist: `portal create-keys` creates one. With a database file, it is
    /// created if it is missing [default: next to the database file, with the ending .keys, or the
    /// keys in Vault]
    #[arg(long, global = true, value_name = "FILE", env = "KEYS_FILE")]
    pub(crate) keys: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) audit: AuditFiles,

    /// A TOML file with settings, under the names of these options; options take precedence
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Create the account `admin` with a random password, and print it, unless it exists
    #[arg(long)]
    pub(crate) demo: bool,

    #[command(flatten)]
    pub(crate) settings: Settings,

    #[command(flatten)]
    pub(crate) mail: MailArguments,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The files of the audit log's key.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AuditFiles {
    /// The file with the secret key of the audit log. Nodes on one database need the same key,
    /// which `portal audit create-key` creates [default: next to the database file, with the
    /// ending .audit-key, and created with it]
    #[arg(long, global = true, value_name = "FILE", env = "AUDIT_KEY_FILE")]
    pub(crate) audit_key: Option<PathBuf>,

    /// The file in which this node keeps the newest checkpoint of the audit log. The portal must be
    /// able to create files in its folder [default: next to the file of the key, with the ending
    /// .checkpoint]
    #[arg(long, global = true, value_name = "FILE", env = "AUDIT_CHECKPOINT_FILE")]
    pub(crate) audit_checkpoint: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Administer accounts, as the operator
    User(UserArguments),
    /// List and end sessions, as the operator
    Sessions(SessionsArguments),
    /// Create an account with the role `admin`: `user create NAME --role admin`
    CreateAdmin {
        /// The name to sign in with
        name: String,
        /// Read the password from standard input instead of prompting for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove all locks of a user's login: `user unlock`
    Unlock {
        /// The name to sign in with
        name: String,
        /// Print a device token, with which the user can sign in while guessing continues
        #[arg(long)]
        device: bool,
    },
    /// End the sessions of all users, and revoke their refresh tokens: `sessions end --all`
    ///
    /// Run it after a backup was restored, before the portal starts: the backup has sessions that
    /// ended after it was made.
    EndSessions {
        /// The sessions of all users
        #[arg(long, required = true)]
        all: bool,
    },
    /// Create a file with a random key of access tokens, for all nodes on one database, and exit
    CreateKeys {
        /// The file, which must not exist
        file: PathBuf,
    },
    /// Check settings, keys, database, clock, audit log and Redis, and change nothing
    ///
    /// Give it the options of the service, before `doctor`. Each check is `ok`, `warning` or `failed`;
    /// the exit code is 0, 6 or 1, by the worst one. A server that does not respond fails after 10
    /// seconds, and the verification of the audit log after 5 minutes.
    Doctor {
        /// Print a line of JSON for each check
        #[arg(long)]
        json: bool,
    },
    /// List and rotate the keys of access tokens in a file
    Keys(KeysArguments),
    /// Verify the audit log, or prove what is in it
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(clap::Subcommand)]
pub(crate) enum AuditCommand {
    /// Create the file of the log's key, and print the public key
    CreateKey,
    /// Verify each record, the Merkle tree over them and its checkpoint; fails if there is a fault
    Verify {
        /// A checkpoint that was retained outside the database, which the log must continue
        /// [default: the newest one of this node, if there is one]
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// Verify exports, without the database. Several must have consecutive leaves of one log,
        /// without a gap; in any order
        #[arg(long, value_name = "FILE", num_args = 1..)]
        export: Vec<PathBuf>,
        /// A public key that has signed some of them, if the key of the log was replaced since
        #[arg(long, value_name = "VKEY", requires = "export")]
        old_key: Vec<AuditVerifierKey>,
        /// Compare the exports with the database: they must have all records that are detached from
        /// it
        #[arg(long, requires = "export")]
        detached: bool,
        /// The public key that signed this checkpoint, if the key of the log was replaced since
        #[arg(long, value_name = "VKEY", requires = "since")]
        since_key: Option<AuditVerifierKey>,
        /// Verify with the public key instead of the secret one
        #[arg(long, value_name = "VKEY")]
        verifier_key: Option<AuditVerifierKey>,
    },
    /// Print the latest checkpoint, to retain it outside the database
    Checkpoint {
        /// Verify it with the public key instead of the secret one
        #[arg(long, value_name = "VKEY")]
        verifier_key: Option<AuditVerifierKey>,
    },
    /// Write sealed records with their proofs, as lines of JSON
    ///
    /// Leaves are the places of records in the log, from 0 on. The first line has the signed
    /// checkpoint and the range.
    Export {
        /// The first leaf [default: the first one that is not detached]
        #[arg(long, value_name = "LEAF")]
        from: Option<u64>,
        /// The leaf before which the export ends [default: the end of the sealed log]
        #[arg(long, value_name = "LEAF")]
        to: Option<u64>,
        /// Write to this file, which must not exist, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Prove with the public key instead of the secret one
        #[arg(long, value_name = "VKEY")]
        verifier_key: Option<AuditVerifierKey>,
    },
    /// Delete the first records of the log, which an export has, from the database
    ///
    /// Needs the secret key of the log and, on PostgreSQL, the role that owns the tables. Verifies
    /// the export, and that the log continues it, before it deletes. The records must be an hour
    /// old. Run it again after an interruption.
    Detach {
        /// The file with the export
        #[arg(long, value_name = "FILE")]
        export: PathBuf,
        /// The leaf before which to stop [default: the end of the export]
        #[arg(long, value_name = "LEAF")]
        to: Option<u64>,
    },
    /// Print a proof that a record is in the log, as JSON
    Prove {
        /// The number of the record, its `id` in the API
        sequence: u64,
        /// Look in an export, without the database
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
        /// Prove with the public key instead of the secret one
        #[arg(long, value_name = "VKEY")]
        verifier_key: Option<AuditVerifierKey>,
    },
    /// Check a proof, without the database
    CheckProof {
        /// The file with the proof
        file: PathBuf,
        /// The public key of the log
        #[arg(long, value_name = "VKEY")]
        verifier_key: AuditVerifierKey,
    },
    /// Continue from the log in the database, although it does not continue the newest checkpoint of
    /// this node, which is kept in another file
    ///
    /// For a restored backup. The log is verified first. The records since the backup, and
    /// checkpoints of them that were kept, are no longer evidence of this log. Stop all portals
    /// before, and run it with the key file of each node.
    Accept {
        /// The number of records that the checkpoint of the restored log has, which `portal audit
        /// checkpoint` prints in its second line before the backup
        #[arg(long, value_name = "N")]
        size: u64,
    },
    /// Replace the key of the log by one in another file, which is created if it is missing, and
    /// print a checkpoint that both keys have signed
    ///
    /// Stop all portals before, use a role that owns the database, and start them with the new
    /// file. After an interruption, or to print the checkpoint again, run it again with the same
    /// files.
    ReplaceKey {
        /// The file of the new key; its newest checkpoint is in the file FILE.checkpoint
        file: PathBuf,
        /// The secret key was lost: its public key. Only the new key signs the checkpoint then
        #[arg(long, value_name = "VKEY")]
        lost: Option<AuditVerifierKey>,
    },
    /// Print the public key of the log, which verifies checkpoints and proofs
    VerifierKey,
}

const EXAMPLES: &str = "\
Exit codes:
  0  done
  1  failed, or a check failed
  2  the command line is malformed
  3  the rules of accounts or of keys reject the change, or lines of an import are rejected
  4  no such account or session
  5  the database cannot be reached
  6  no check failed, but some warn

Examples:
  Try it:
    portal --demo

  Create an account, and start:
    portal create-admin alice
    portal --listen 127.0.0.1:8080

  Invite bob, who sets his password with the code that is printed, and list all accounts:
    portal user create bob --code
    portal user list

  Let alice sign in again after too many wrong passwords, also while the portal runs:
    portal user unlock alice

  The same, while guessing continues:
    portal user unlock alice --device

  Let alice set a new password with the code that is printed:
    portal user reset alice

  Check the accounts of another system, and create them:
    portal user import --dry-run users.jsonl
    portal user import users.jsonl

  End all sessions, after a backup was restored:
    portal sessions end --all

  Sign access tokens with a new key, also while the portal runs:
    portal keys rotate

  Two nodes on one database:
    portal create-keys portal.keys
    export DATABASE_URL=postgres://portal:secret@db.example.com/portal
    export KEYS_FILE=portal.keys AUDIT_KEY_FILE=portal.audit-key
    portal audit create-key
    portal create-admin alice
    portal --listen 10.0.0.1:8080
    portal --listen 10.0.0.2:8080

  Store a checkpoint of the audit log outside the database, and verify later that the log
  continues it:
    portal audit checkpoint > checkpoint
    portal audit verify --since checkpoint

  Move the first 1,000,000 records of the audit log out of the database:
    portal audit export --to 1000000 -o audit-1000000.jsonl
    portal audit detach --export audit-1000000.jsonl";
