//! The readable parts of a malformed bundle.

use crate::der::{Reader, Tag, Value};
use crate::{Certificate, DnssecChain, DnssecError, SignatureBundle};

/// The readable parts of a bundle.
#[derive(Debug, Default)]
pub(super) struct PartialBundle<'a> {
    pub(super) chain: Vec<&'a [u8]>,
    pub(super) organisation_certificate: Option<Certificate<'a>>,
    pub(super) signature: Option<&'a [u8]>,
}

impl<'a> PartialBundle<'a> {
    /// Returns all parts of a well-formed bundle.
    pub(super) fn from_bundle(bundle: &SignatureBundle<'a>) -> Self {
        Self {
            chain: bundle.dnssec_chain().to_vec(),
            organisation_certificate: Some(bundle.organisation_certificate().clone()),
            signature: Some(bundle.signature),
        }
    }

    /// Reads the parts up to the end of the octets, or of the valid DER.
    pub(super) fn read(octets: &'a [u8]) -> Self {
        let mut partial = Self::default();
        let outer = Reader::new(octets).read_lenient().filter(|outer| outer.tag == Tag::SEQUENCE);
        let Some(mut fields) = outer.map(|outer| outer.reader()) else {
            return partial;
        };
        while let Some(field) = fields.read_lenient() {
            match field.tag {
                tag if tag == Tag::constructed(1) => partial.chain = read_messages(&field),
                tag if tag == Tag::constructed(2) => {
                    partial.organisation_certificate = Certificate::from_contents(&field).ok();
                }
                tag if tag == Tag::constructed(3) => partial.signature = Some(field.contents),
                _ => {}
            }
        }
        partial
    }

    /// Returns the chain of the well-formed messages, and the errors of the others.
    pub(super) fn readable_chain(&self) -> (Option<DnssecChain<'a>>, Vec<DnssecError>) {
        let mut errors = Vec::new();
        let mut readable = Vec::new();
        for (position, message) in self.chain.iter().enumerate() {
            match DnssecChain::from_messages([*message]) {
                Ok(_) => readable.push(*message),
                Err(DnssecError::Message { reason, .. }) => {
                    errors.push(DnssecError::Message { position, reason });
                }
                Err(error) => errors.push(error),
            }
        }
        match DnssecChain::from_messages(readable) {
            Ok(chain) => (Some(chain), errors),
            Err(error) => {
                errors.push(error);
                (None, errors)
            }
        }
    }
}

fn read_messages<'a>(field: &Value<'a>) -> Vec<&'a [u8]> {
    let mut messages = field.reader();
    std::iter::from_fn(|| messages.read(Tag::OCTET_STRING).ok().map(|message| message.contents))
        .collect()
}
