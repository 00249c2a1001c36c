//! `kliento txt-record`: the TXT record that publishes a key.

use std::time::Duration;

use kliento::issue::{Signer as _, TxtRecord, txt_record};
use veraid::{Dialect, ObjectIdentifier};

use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::report::Status;
use crate::terminal;

/// Print the value of the TXT record at _veraid.ORG that publishes a key
///
/// Publish a key for one organisation only: a signature for one could be presented as the other's.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The organisation's private key: a file in PEM, or a PKCS #11 URI
    #[arg(long, value_name = "KEY.pem")]
    key: KeySource,

    #[command(flatten)]
    ttl: TtlOverride,

    /// The service that the key is for [default: any]; Kliento is 1.3.6.1.4.1.58708.3.0
    #[arg(long, value_name = "OID")]
    service: Option<ObjectIdentifier>,

    /// The form of the value
    ///
    /// Deployed verifiers reject all records of an organisation if one of them is in the specified
    /// form. Use `spec` only if all verifiers are newer.
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectArg,
}

/// The TTL override of a TXT record.
#[derive(clap::Args)]
pub(crate) struct TtlOverride {
    /// The maximum age of the key's signatures before the end of a verified period, in seconds:
    /// 1 to 7776000 (90 days)
    #[arg(
        long = "ttl",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=TxtRecord::MAX_TTL_OVERRIDE.as_secs()),
    )]
    seconds: u64,
}

impl TtlOverride {
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum DialectArg {
    /// The form that deployed verifiers read
    #[default]
    Deployed,
    /// The form of the VeraId specification
    Spec,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let key = self.key.open()?;
        let public_key = key.subject_public_key_info();
        let record = txt_record(public_key, self.ttl.duration(), self.service.clone())?;
        let dialect = match self.dialect {
            DialectArg::Deployed => Dialect::Deployed,
            DialectArg::Spec => Dialect::Spec,
        };
        terminal::print(&format!("{}\n", record.to_value(dialect)))?;
        Ok(Status::Valid)
    }
}
