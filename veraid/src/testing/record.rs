//! Records of mock zones, in which every field can be changed.

use std::time::Duration;

use super::name::{canonical, parse};
use super::{MockError, MockKey};

/// The numbers of the record types in chains (IANA "Resource Record TYPEs").
pub mod rtype {
    /// An alias.
    pub const CNAME: u16 = 5;
    /// The start of a zone.
    pub const SOA: u16 = 6;
    /// Text.
    pub const TXT: u16 = 16;
    /// The alias of a subtree.
    pub const DNAME: u16 = 39;
    /// The parameters of a message (RFC 6891).
    pub const OPT: u16 = 41;
    /// The digest of a delegated zone's key.
    pub const DS: u16 = 43;
    /// A signature over an RRset.
    pub const RRSIG: u16 = 46;
    /// The types that exist at a name.
    pub const NSEC: u16 = 47;
    /// A zone's key.
    pub const DNSKEY: u16 = 48;
}

/// A record: owner, type, class, TTL and data.
///
/// Names are in presentation form, the data as on the wire.
///
/// ```
/// use std::time::Duration;
///
/// use veraid::testing::{MockRecord, rtype};
///
/// let record = MockRecord::txt("_veraid.example.com", &["some text"])?;
/// assert_eq!((record.rtype, record.ttl), (rtype::TXT, 300));
/// assert_eq!(record.data, b"\x09some text");
/// assert_eq!(record.clone().with_ttl(Duration::from_secs(7)).ttl, 7);
/// assert_eq!(record.with_ttl(Duration::MAX).ttl, u32::MAX);
/// # Ok::<(), veraid::testing::MockError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockRecord {
    /// The owner.
    pub owner: String,
    /// The record type, such as [`rtype::TXT`].
    pub rtype: u16,
    /// The class; 1 (the Internet) by default.
    pub class: u16,
    /// The TTL, in seconds; 300 by default.
    pub ttl: u32,
    /// The data.
    pub data: Vec<u8>,
}

impl MockRecord {
    /// Creates a record of any type and data.
    #[must_use]
    pub fn new(owner: &str, rtype: u16, data: Vec<u8>) -> Self {
        Self { owner: owner.to_owned(), rtype, class: 1, ttl: 300, data }
    }

    /// Creates a TXT record of character-strings (RFC 1035, 3.3.14).
    ///
    /// # Errors
    /// [`MockError::TooLong`] if one of them has more than 255 octets.
    pub fn txt(owner: &str, strings: &[impl AsRef<[u8]>]) -> Result<Self, MockError> {
        Ok(Self::new(owner, rtype::TXT, txt_data(strings)?))
    }

    /// Creates a DNSKEY record.
    #[must_use]
    pub fn dnskey(zone: &str, key: &MockKey) -> Self {
        Self::new(zone, rtype::DNSKEY, key.dnskey_data())
    }

    /// Creates a DS record.
    ///
    /// # Errors
    /// As [`MockKey::ds_data`].
    pub fn ds(zone: &str, key: &MockKey, digest_type: u8) -> Result<Self, MockError> {
        Ok(Self::new(zone, rtype::DS, key.ds_data(zone, digest_type)?))
    }

    /// Creates a CNAME record.
    ///
    /// # Errors
    /// [`MockError::Name`] for the target.
    pub fn cname(owner: &str, target: &str) -> Result<Self, MockError> {
        Ok(Self::new(owner, rtype::CNAME, canonical(target)?.as_slice().to_vec()))
    }

    /// Creates an NSEC record that proves that its owner has only signatures and these types: its
    /// span ends at the first name below the owner (RFC 9824, 3).
    ///
    /// # Errors
    /// [`MockError::Name`].
    pub fn nsec(owner: &str, rtypes: &[u16]) -> Result<Self, MockError> {
        let next = parse(&format!("\\000.{}", owner.strip_suffix('.').unwrap_or(owner)))?;
        let rtypes = rtypes.iter().chain(&[rtype::RRSIG, rtype::NSEC]);
        let mut bitmap = [0_u8; 32];
        for rtype in rtypes {
            if let Some(octet) = bitmap.get_mut(usize::from(rtype / 8)) {
                *octet |= 0x80 >> (rtype % 8);
            }
        }
        // All types of chains are in the first window (RFC 4034, 4.1.2).
        let used = bitmap.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let length = u8::try_from(used).unwrap_or(u8::MAX);
        let bitmap: Vec<u8> = bitmap.into_iter().take(used).collect();
        Ok(Self::new(owner, rtype::NSEC, [next.as_slice(), &[0, length], &bitmap].concat()))
    }

    /// Creates the SOA record of a zone (RFC 1035, 3.3.13).
    ///
    /// # Errors
    /// [`MockError::Name`].
    pub fn soa(zone: &str) -> Result<Self, MockError> {
        let name = canonical(zone)?;
        let numbers = [1_u32, 7200, 3600, 1_209_600, 300].map(u32::to_be_bytes);
        let mailbox = [b"\x0ahostmaster", name.as_slice()].concat();
        let data = [name.as_slice(), &mailbox, numbers.as_flattened()].concat();
        Ok(Self::new(zone, rtype::SOA, data))
    }

    /// Sets the TTL: whole seconds, of which a record has at most 2^32 - 1.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: ttl_seconds(ttl), ..self }
    }
}

/// Returns the seconds of a TTL, at most those that a record can have.
pub(super) fn ttl_seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)
}

/// Returns the data of a TXT record.
pub(super) fn txt_data(strings: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, MockError> {
    let mut data = Vec::new();
    for string in strings {
        let string = string.as_ref();
        let length = u8::try_from(string.len());
        data.push(length.map_err(|_| MockError::TooLong("character-string"))?);
        data.extend_from_slice(string);
    }
    Ok(data)
}
