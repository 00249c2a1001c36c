//! `kliento chain fetch`: an organisation's chain, from a resolver.

use std::path::PathBuf;

use kliento::OrganisationName;
use veraid::DnssecChain;

use crate::failure::Failure;
use crate::output;
use crate::report::Status;
use crate::resolver::Resolver;
use crate::terminal;
use crate::text::plural;

/// Fetch the chain of an organisation from a resolver, and write it to a file
///
/// The chain proves the TXT records at _veraid.ORG. Its signatures are valid for days or weeks:
/// fetch a new one before they expire. To verify a chain, use `kliento chain verify`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The organisation, a domain name such as example.com
    #[arg(value_name = "ORG")]
    organisation: OrganisationName,

    /// The file to write or replace
    #[arg(short, long, value_name = "CHAIN.der")]
    output: PathBuf,

    /// A resolver that returns DNSSEC records, as an address with or without a port (53), or as
    /// an https:// URL of DNS over HTTPS [default: the system's]
    #[arg(long, value_name = "ADDR|URL")]
    resolver: Option<Resolver>,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::Runtime)?;
        let (owner, resolver) = (self.organisation.txt_owner(), self.resolver.clone());
        let resolver = resolver.unwrap_or_default();
        let progress = terminal::progress(&format!("querying {resolver} for {owner}"));
        let messages = runtime.block_on(resolver.retrieve(&owner)).map_err(Box::new)?;
        drop(progress);
        let chain = DnssecChain::messages_to_der(&messages);
        output::replace(&self.output, &chain, output::FileMode::Public)?;
        let (path, count) = (self.output.display(), plural(messages.len(), "DNS message"));
        terminal::print(&format!("wrote {path}: {count}, {} octets\n", chain.len()))?;
        Ok(Status::Valid)
    }
}
