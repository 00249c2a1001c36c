//! The DNS messages of a chain, in bundles and in files.

use super::MalformedBundle;
#[cfg(feature = "issue")]
use crate::der::writer::{encode, set_of};
use crate::der::{DerError, Reader, Tag};
use crate::{DnssecChain, LimitExceeded, Limits};

/// The error of a malformed chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedChain {
    /// The structure is malformed.
    #[error("malformed chain: {0}")]
    Structure(#[from] DerError),
    /// The chain has too many messages or octets.
    #[error("chain limit exceeded: {0}")]
    Limit(#[from] LimitExceeded),
}

impl DnssecChain<'_> {
    /// Reads the messages of a standalone chain: the DER of `SET OF OCTET STRING`.
    ///
    /// A bundle has the same in its field `dnssecChain`, under another tag. The order is free, and
    /// the messages themselves are not parsed.
    ///
    /// # Errors
    /// [`MalformedChain`] if the structure is malformed, or above 64 messages or 65,535 octets.
    ///
    /// ```
    /// use veraid::DnssecChain;
    ///
    /// let messages = DnssecChain::messages_from_der(b"\x31\x06\x04\x01b\x04\x01a")?;
    /// assert_eq!(messages, [b"b", b"a"]);
    /// # Ok::<(), veraid::MalformedChain>(())
    /// ```
    pub fn messages_from_der(octets: &[u8]) -> Result<Vec<&[u8]>, MalformedChain> {
        let set = Reader::read_single(octets, Tag::SET)?.reader();
        read_messages(set)
    }

    /// Writes the messages of a chain as [`Self::messages_from_der`] reads them, in DER's order.
    #[cfg(feature = "issue")]
    #[must_use]
    pub fn messages_to_der(messages: &[impl AsRef<[u8]>]) -> Vec<u8> {
        write_chain(Tag::SET, messages)
    }
}

/// `SET OF OCTET STRING` under a tag.
#[cfg(feature = "issue")]
pub(crate) fn write_chain(tag: Tag, messages: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let messages = messages.iter().map(|message| encode(Tag::OCTET_STRING, &[message.as_ref()]));
    set_of(tag, messages.collect())
}

/// Reads `[1] SET OF OCTET STRING` in any order, because deployed producers don't sort it.
pub(crate) fn read_chain<'a>(bundle: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, MalformedBundle> {
    let messages = bundle.nested(Tag::constructed(1)).map_err(MalformedBundle::Structure)?;
    read_messages(messages).map_err(|error| match error {
        MalformedChain::Structure(error) => MalformedBundle::Structure(error),
        MalformedChain::Limit(limit) => MalformedBundle::Limit(limit),
    })
}

fn read_messages(mut messages: Reader<'_>) -> Result<Vec<&[u8]>, MalformedChain> {
    let mut chain = Vec::with_capacity(16);
    let mut octets = 0_usize;
    while !messages.is_empty() {
        let message = messages.read(Tag::OCTET_STRING)?.contents;
        chain.push(message);
        octets = octets.saturating_add(message.len());
        LimitExceeded::check("messages in the chain", chain.len(), Limits::MESSAGES)?;
        LimitExceeded::check("octets in the chain", octets, Limits::CHAIN_OCTETS)?;
    }
    Ok(chain)
}
