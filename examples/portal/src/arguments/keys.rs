//! The arguments of `portal keys`.

#[derive(clap::Args)]
pub(crate) struct KeysArguments {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(clap::Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys: `signs` is the first one, `staged` ones sign later, others only `verify`
    List,
    /// Create a key that signs new tokens; the one before still verifies its tokens
    ///
    /// Nodes that read this file follow within seconds, and reject no token meanwhile. Keys whose
    /// tokens have all expired are removed: the file was not changed for the lifetime of tokens
    /// (`--access-ttl` before `keys`, or the settings file) and a minute.
    ///
    /// If nodes have copies of the file, run it with `--stage` first, copy the file to all of them,
    /// then run it without, which lets the staged key sign, and copy the file again.
    ///
    /// The file is replaced at once. After an interruption, run `list`, and then this again; a lock
    /// that was left is ignored after a minute.
    Rotate {
        /// Create a key that does not sign yet
        #[arg(long)]
        stage: bool,
        /// Only remove the keys whose tokens have expired; exits with 3 if it is too early
        #[arg(long, conflicts_with = "stage")]
        retire: bool,
    },
}
