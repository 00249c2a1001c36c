//! An organisation's DNSSEC chain, and what must hold before something is issued with it.

use kliento::issue::{IssueError, PublicKey};
use kliento::{OrganisationName, Period, SERVICE, Timestamp};
use veraid::{DnssecChain, InspectedChain, TxtRecord};

use crate::failure::Failure;
use crate::terminal;

/// The risk that a signature does not bind its signer's name (SECURITY.md).
pub(crate) const ONE_NAME: &str =
    "a signature for one name can be presented as the other's, so use a key for one name only";

/// A chain, and the organisation whose key it must publish.
pub(crate) struct OrganisationChain<'a> {
    /// The name of the chain's file, for messages.
    pub(crate) name: &'a str,
    pub(crate) messages: &'a [&'a [u8]],
    pub(crate) organisation: &'a OrganisationName,
}

impl OrganisationChain<'_> {
    /// Rejects a chain that does not publish the organisation's key, and warns if it publishes the
    /// key for another organisation as well.
    ///
    /// Returns until when the chain is valid, or `None` if it is not at the instant.
    pub(crate) fn valid_until(
        &self,
        key: &PublicKey,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, Failure> {
        let owner = self.organisation.txt_owner();
        let chain = self.chain()?;
        let inspect = |owner: &str| chain.inspect(owner, at, &[]).map_err(IssueError::Chain);
        let inspected = self.inspect_for_key(&chain, key, at)?;
        for other in chain.txt_owners() {
            let is_other = !other.trim_end_matches('.').eq_ignore_ascii_case(&owner);
            if is_other && publishes_key(&inspect(&other)?, key) {
                terminal::print_warning(&format!(
                    "the key is also published at {other}: {ONE_NAME}"
                ));
            }
        }
        Ok(chain_valid_until(&inspected, at))
    }

    /// Rejects a chain that does not publish the organisation's key.
    #[cfg(unix)]
    pub(crate) fn check_key(&self, key: &PublicKey, at: Timestamp) -> Result<(), Failure> {
        self.inspect_for_key(&self.chain()?, key, at).map(drop)
    }

    fn chain(&self) -> Result<DnssecChain<'_>, IssueError> {
        DnssecChain::from_messages(self.messages.iter().copied()).map_err(IssueError::Chain)
    }

    fn inspect_for_key(
        &self,
        chain: &DnssecChain<'_>,
        key: &PublicKey,
        at: Timestamp,
    ) -> Result<InspectedChain, Failure> {
        let owner = self.organisation.txt_owner();
        let inspected = chain.inspect(&owner, at, &[]).map_err(IssueError::Chain)?;
        if publishes_key(&inspected, key) {
            return Ok(inspected);
        }
        Err(Failure::KeyNotInChain { name: self.name.to_owned(), owner })
    }
}

/// Warns if a member would have the key of the organisation.
pub(crate) fn warn_of_shared_key(organisation: &PublicKey, member: &PublicKey) {
    if organisation == member {
        terminal::print_warning(&format!("the member's key is the organisation's: {ONE_NAME}"));
    }
}

/// Returns whether one of the chain's TXT records publishes the key for Kliento.
fn publishes_key(chain: &InspectedChain, key: &PublicKey) -> bool {
    let texts = chain.records.iter().filter_map(|strings| match strings.as_slice() {
        [string] => std::str::from_utf8(string).ok(),
        _ => None,
    });
    let mut records = texts.filter_map(|text| text.parse::<TxtRecord>().ok());
    records.any(|record| {
        let is_service = record.service().is_none_or(|service| service.to_string() == SERVICE);
        is_service && record.identifies(key.algorithm(), key.subject_public_key_info())
    })
}

/// Returns until when each RRset of the chain, valid at the instant, stays valid.
fn chain_valid_until(chain: &InspectedChain, at: Timestamp) -> Option<Timestamp> {
    let delegations = chain.zones.iter().filter_map(|zone| zone.delegation.as_ref());
    let sets = chain.zones.iter().map(|zone| &zone.rrset);
    let sets = sets.chain(delegations.map(|delegation| &delegation.rrset)).chain([&chain.rrset]);
    let ends =
        sets.map(|set| set.periods().filter(|period| period.contains(at)).map(Period::end).max());
    ends.min().flatten()
}
