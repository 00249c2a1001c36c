//! `kliento mock`: a chain under a mock DNS root, for local work.

use std::path::PathBuf;
use std::time::Duration;

use kliento::issue::{Signer as _, txt_record};
use kliento::{OrganisationName, Period, Timestamp};
use veraid::testing::{MockEnvironment, MockError};
use veraid::{Dialect, DnssecChain};

use super::txt_record::TtlOverride;
use crate::arguments::{now, whole_second};
use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::output::{self, FileMode};
use crate::report::Status;
use crate::terminal;

/// Write a DNSSEC chain under a mock DNS root, for local work without a domain name
///
/// Writes chain.der, and the root's key as trust-anchor.txt, and replaces existing files. The root
/// and the zones get new keys each time, which are not kept. Their signatures are valid for 30
/// days, for verifiers with that --trust-anchor.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The organisation, a domain name such as example.com
    #[arg(long = "org", value_name = "ORG")]
    organisation: OrganisationName,

    /// The organisation's private key: a file in PEM, or a PKCS #11 URI
    #[arg(long, value_name = "KEY.pem")]
    key: KeySource,

    #[command(flatten)]
    ttl: TtlOverride,

    /// The folder to write to, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

impl Arguments {
    /// Signatures start earlier, for clocks that are behind.
    const BEFORE: Duration = Duration::from_secs(3600);
    const AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let key = self.key.open()?;
        let now = whole_second(now()?);
        let start = now.saturating_sub(Self::BEFORE).unwrap_or(Timestamp::MIN);
        let end = now.saturating_add(Self::AFTER).unwrap_or(Timestamp::MAX);
        let period = Period::new(start, end).unwrap_or(Period::at(now));
        let record = txt_record(key.subject_public_key_info(), self.ttl.duration(), None)?;
        let mock = || -> Result<_, MockError> {
            let environment = MockEnvironment::new(period)?;
            let chain = environment.chain(&self.organisation, &[record], Dialect::Deployed)?;
            Ok((chain, environment.trust_anchors()?))
        };
        let (messages, anchors) = mock().map_err(Box::new)?;
        let anchors: Vec<_> = anchors.iter().map(ToString::to_string).collect();
        let anchors = format!("{}\n", anchors.join("\n"));
        let chain = DnssecChain::messages_to_der(&messages);
        let (chain_path, anchors_path) =
            (self.out_dir.join("chain.der"), self.out_dir.join("trust-anchor.txt"));
        output::create_folder(&self.out_dir)?;
        output::replace(&chain_path, &chain, FileMode::Public)?;
        output::replace(&anchors_path, anchors.as_bytes(), FileMode::Public)?;
        let owner = self.organisation.txt_owner();
        terminal::print(&format!(
            "wrote {}: mock DNSSEC of {owner}, until {end}\nwrote {}: {anchors}",
            chain_path.display(),
            anchors_path.display(),
        ))?;
        Ok(Status::Valid)
    }
}
