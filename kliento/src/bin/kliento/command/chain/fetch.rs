//! `kliento chain fetch`: an organisation's chain, from a resolver.

use std::path::PathBuf;

use kliento::{OrganisationName, Timestamp};
use kliento_tower::client::{Resolver, RetrievedChain};
use veraid::{CheckResult, DnssecChain};

use crate::arguments::now;
use crate::failure::Failure;
use crate::output;
use crate::report::Status;
use crate::terminal;
use crate::text::plural;

/// Fetch the chain of an organisation from a resolver, and write it to a file
///
/// The chain proves the TXT records at _veraid.ORG. Its signatures are valid for days or weeks:
/// fetch a new one before they expire. To verify a chain, use `kliento chain verify`. A question
/// that the resolver does not answer is left out, with a warning, if the chain is valid without it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The organisation, a domain name such as example.com
    #[arg(value_name = "ORG")]
    organisation: OrganisationName,

    /// The file to write or replace
    #[arg(short, long, value_name = "CHAIN.der")]
    output: PathBuf,

    /// A resolver that returns DNSSEC records, as an address with or without a port (53), such as
    /// 192.0.2.1 or `fe80::1%eth0`, or as an https:// URL of DNS over HTTPS [default: the system's]
    #[arg(long, value_name = "ADDR|URL")]
    resolver: Option<Resolver>,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::Runtime)?;
        let (owner, resolver) = (self.organisation.txt_owner(), self.resolver.clone());
        let resolver = resolver.unwrap_or_default();
        let progress = terminal::progress(&format!("querying {resolver} for {owner}"));
        let failed = |error| match self.resolver {
            None => Failure::SystemResolver(Box::new(error)),
            Some(_) => Failure::Resolver(Box::new(error)),
        };
        let retrieved = runtime.block_on(resolver.retrieve(&owner)).map_err(failed)?;
        drop(progress);
        let RetrievedChain { messages, failures } = retrieved;
        let is_usable = failures.is_empty() || is_consistent(&messages, &owner, now()?);
        for failure in failures {
            if !is_usable {
                return Err(failed(failure));
            }
            terminal::print_warning(&format!("left out of the chain: {failure}"));
        }
        let chain = DnssecChain::messages_to_der(&messages);
        let destination = output::replace(&self.output, &chain, output::FileMode::Public)?;
        let (path, count) = (self.output.display(), plural(messages.len(), "DNS message"));
        let summary = format!("wrote {path}: {count}, {} octets\n", chain.len());
        terminal::print_summary(&summary, destination)?;
        Ok(Status::Valid)
    }
}

/// Returns whether the chain is valid, whatever the root's keys are.
///
/// They may be those of a private root, which is known to verifiers only.
fn is_consistent(messages: &[Vec<u8>], owner: &str, at: Timestamp) -> bool {
    let chain = DnssecChain::from_messages(messages.iter().map(Vec::as_slice));
    let Ok(chain) = chain.and_then(|chain| chain.inspect(owner, at, &[])) else { return false };
    let zones = chain.zones.iter().skip(1);
    let sets = zones.flat_map(|zone| {
        let delegation = zone.delegation.as_ref().map(|delegation| &delegation.rrset);
        delegation.into_iter().chain([&zone.rrset])
    });
    sets.chain([&chain.rrset]).all(|set| matches!(set.check, CheckResult::Valid))
}
