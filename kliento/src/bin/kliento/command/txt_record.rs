//! `kliento txt-record`: what an organisation publishes.

use kliento::issue::{Signer as _, TxtRecord};
use veraid::{Dialect, ObjectIdentifier};

use crate::failure::Failure;
use crate::key_file::KeyFile;
use crate::report::Status;
use crate::terminal;

/// Print the value of the TXT record that names a key, to publish at _veraid.ORG
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The organisation's private key, in PEM
    #[arg(long, value_name = "KEY.pem")]
    key: KeyFile,

    #[command(flatten)]
    ttl: TtlOverride,

    /// The service that the key is for [default: any]; Kliento is 1.3.6.1.4.1.58708.3.0
    #[arg(long, value_name = "OID")]
    service: Option<ObjectIdentifier>,

    /// How the value is written
    ///
    /// Deployed verifiers reject all records of an organisation if one of them is in the specified
    /// form. Use `spec` only if all verifiers are newer.
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectArg,
}

/// For how long before the end of a period that is verified the key's signatures count.
#[derive(clap::Args)]
pub(crate) struct TtlOverride {
    /// How old signatures of the key may be where a period is verified, in seconds: 1 to 7776000
    /// (90 days)
    #[arg(
        long = "ttl",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(TxtRecord::MAX_TTL_OVERRIDE)),
    )]
    pub(crate) seconds: u32,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum DialectArg {
    /// As deployed verifiers read it
    #[default]
    Deployed,
    /// As the VeraId specification has it
    Spec,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let key = self.key.read()?;
        let (algorithm, public_key) = (key.algorithm(), key.subject_public_key_info());
        let record = TxtRecord::new(algorithm, public_key, self.ttl.seconds, self.service.clone())?;
        let dialect = match self.dialect {
            DialectArg::Deployed => Dialect::Deployed,
            DialectArg::Spec => Dialect::Spec,
        };
        terminal::print(&format!("{}\n", record.to_value(dialect)))?;
        Ok(Status::Valid)
    }
}
