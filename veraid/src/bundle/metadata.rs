//! The signed attribute with the service and the period of a signature.

use crate::der::{DerError, Reader, Tag, metadata_time};
use crate::{ObjectIdentifier, Timestamp};

/// ```text
/// SignatureMetadata ::= SEQUENCE { serviceOid [0] OBJECT IDENTIFIER, validityPeriod [1] DatePeriod }
/// DatePeriod        ::= SEQUENCE { start [0] GeneralizedTime, end [1] GeneralizedTime }
/// ```
#[derive(Clone, Debug)]
pub(crate) struct SignatureMetadata {
    pub(crate) service: ObjectIdentifier,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl SignatureMetadata {
    /// Reads the attribute's value.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, DerError> {
        let mut metadata = Reader::read_single(octets, Tag::SEQUENCE)?.reader();
        let service = metadata.read(Tag::primitive(0))?;
        let mut period = metadata.nested(Tag::constructed(1))?;
        metadata.end()?;
        let start = metadata_time(&period.read(Tag::primitive(0))?)?;
        let end = metadata_time(&period.read(Tag::primitive(1))?)?;
        period.end()?;
        let oid = ObjectIdentifier::from_contents(service.contents);
        let service = oid.ok_or_else(|| service.error("OBJECT IDENTIFIER"))?;
        Ok(Self { service, start, end })
    }
}
