//! Files of DNSSEC chains.

use veraid::DnssecChain;

use crate::failure::Failure;
use crate::input::InputSource;

/// The contents of a chain's file.
pub(crate) struct ChainFile {
    name: String,
    octets: Vec<u8>,
}

impl ChainFile {
    pub(crate) fn read(source: &InputSource) -> Result<Self, Failure> {
        Ok(Self { name: source.name(), octets: source.read()? })
    }

    /// Returns the file's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the DNS messages of the chain.
    pub(crate) fn messages(&self) -> Result<Vec<&[u8]>, Failure> {
        DnssecChain::messages_from_der(&self.octets)
            .map_err(|source| Failure::Chain { name: self.name.clone(), source })
    }
}
