//! The `kliento` command: verifies, inspects and issues token bundles.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod arguments;
mod chain_file;
mod command;
mod failure;
mod input;
mod key_source;
mod organisation_chain;
mod output;
mod report;
mod terminal;
mod text;
mod token_key;

use std::process::ExitCode;

use clap::Parser as _;

use crate::command::Command;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.run() {
        Ok(status) => status.into(),
        Err(failure) => {
            terminal::print_failure(&failure);
            ExitCode::from(failure::EXIT_STATUS)
        }
    }
}

/// Verifies, inspects and issues Kliento token bundles.
///
/// A token bundle proves, offline, that a domain name or one of its users signed a token for an
/// audience. It contains the DNSSEC chain, the certificates and the signature that it needs.
#[derive(clap::Parser)]
#[command(name = "kliento", version, max_term_width = 100, after_help = STATUS, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const STATUS: &str = "Exit status: 0 valid, 1 invalid, 2 wrong usage, 3 malformed.";

const EXAMPLES: &str = "\
Examples:
  Verify a bundle for your service:
    kliento verify --audience https://api.example.com bundle.bin

  Verify the value of an Authorization header from standard input:
    kliento verify --audience https://api.example.com --auth-header < header.txt

  Show why a bundle is rejected, and when it is valid:
    kliento inspect bundle.bin

  Run the verifier service for software in other languages:
    kliento serve --listen 127.0.0.1:8080

Exit status: 0 valid, 1 invalid, 2 wrong usage, 3 malformed.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_minimal_arguments() {
        for line in [
            "kliento verify --audience a",
            "kliento inspect",
            "kliento key generate -o k",
            #[cfg(feature = "cli")]
            "kliento chain fetch example.com -o c",
            "kliento chain verify c",
            "kliento txt-record --key k --ttl 60",
            "kliento mock --org example.com --key k --ttl 60 --out-dir d",
            "kliento issue --org example.com --key k --chain c --audience a",
            "kliento issue --member-bundle b --member-key k --audience a",
            "kliento key public --key k",
            "kliento key generate --pkcs11 pkcs11:object=k",
            "kliento member issue --org example.com --key k --chain c --member-key m --ttl 30d",
            "kliento serve",
            #[cfg(unix)]
            "kliento agent --config c",
            #[cfg(unix)]
            "kliento agent status --socket s",
        ] {
            let cli = Cli::try_parse_from(line.split(' '));
            assert!(cli.is_ok(), "{line}: {}", cli.err().unwrap());
        }
    }
}
