//! RRsets and their signatures, in which every field can be changed before signing.

use domain::base::iana::{Rtype, SecurityAlgorithm};
use domain::base::{Name, Ttl};
use domain::rdata::dnssec::{ProtoRrsig, Timestamp as Serial};
use jiff::{RoundMode, TimestampRound, Unit};

use super::name::{canonical, parse};
use super::record::rtype;
use super::{MockError, MockKey, MockRecord};
use crate::{Period, Timestamp};

/// All records of one owner and type, with the signatures to make over them.
///
/// ```
/// use veraid::testing::{MockKey, MockRrset, ZoneAlgorithm, rtype};
/// use veraid::Period;
///
/// let key = MockKey::generate(ZoneAlgorithm::EcdsaP256Sha256)?;
/// let period = Period::new("2026-01-01T00:00:00Z".parse()?, "2026-02-01T00:00:00Z".parse()?);
/// let mut set = MockRrset::new("www.example.com", rtype::TXT, vec![b"\x04text".to_vec()]);
/// set.sign_with(&key, "example.com", period.unwrap())?;
/// set.signatures[0].labels = 2; // As if `*.example.com` had been expanded.
/// assert_eq!(set.records()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MockRrset {
    /// The owner, as written into the message. Signatures cover it in lower case.
    pub owner: String,
    /// The record type.
    pub rtype: u16,
    /// The TTL in the message, in seconds; 300 by default.
    pub ttl: u32,
    /// The data of the records, in the order of the message. Signatures cover them sorted, without
    /// duplicates.
    pub data: Vec<Vec<u8>>,
    /// The signatures to make.
    pub signatures: Vec<MockSignature>,
}

/// A signature to make over a [`MockRrset`]: the key, and the fields of the RRSIG record.
///
/// The signature covers the fields as they are, so that a test can change any of them (RFC 4034,
/// 3.1).
#[derive(Clone, Debug)]
pub struct MockSignature {
    /// The key that signs.
    pub key: MockKey,
    /// The type of the records.
    pub covered: u16,
    /// The number of the key's algorithm.
    pub algorithm: u8,
    /// The number of labels of the owner. Fewer mean that a wildcard was expanded.
    pub labels: u8,
    /// The TTL in the zone, in seconds.
    pub original_ttl: u32,
    /// The expiration: the last second, modulo 2^32.
    pub expiration: u32,
    /// The inception: the first second, modulo 2^32.
    pub inception: u32,
    /// The key's tag.
    pub key_tag: u16,
    /// The zone that signs. Signatures cover its name in lower case.
    pub signer: String,
}

impl MockRrset {
    /// Creates an RRset without signatures.
    #[must_use]
    pub fn new(owner: &str, rtype: u16, data: Vec<Vec<u8>>) -> Self {
        Self { owner: owner.to_owned(), rtype, ttl: 300, data, signatures: Vec::new() }
    }

    /// Adds a signature by a zone's key, with the correct fields for the RRset as it is.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::Period`].
    pub fn sign_with(
        &mut self,
        key: &MockKey,
        zone: &str,
        period: Period,
    ) -> Result<(), MockError> {
        let (inception, expiration) = serials(period)?;
        let owner = parse(&self.owner)?;
        self.signatures.push(MockSignature {
            key: key.clone(),
            covered: self.rtype,
            algorithm: key.algorithm,
            labels: rrsig_labels(&owner),
            original_ttl: self.ttl,
            expiration,
            inception,
            key_tag: key.key_tag(),
            signer: zone.to_owned(),
        });
        Ok(())
    }

    /// Signs the RRset, and returns its records with the RRSIG records.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::Signing`], [`MockError::TooLong`].
    pub fn records(&self) -> Result<Vec<MockRecord>, MockError> {
        let record = |data: &Vec<u8>| MockRecord::new(&self.owner, self.rtype, data.clone());
        let mut records: Vec<_> = self.data.iter().map(record).collect();
        for signature in &self.signatures {
            let data = self.sign(signature)?;
            records.push(MockRecord::new(&self.owner, rtype::RRSIG, data));
        }
        Ok(records.into_iter().map(|record| MockRecord { ttl: self.ttl, ..record }).collect())
    }

    /// Returns the data of the RRSIG record: `RRSIG_RDATA | signature` (RFC 4034, 3.1.8.1).
    fn sign(&self, signature: &MockSignature) -> Result<Vec<u8>, MockError> {
        let fields = signature.fields()?;
        let mut message = Vec::new();
        let Ok(()) = fields.compose_canonical(&mut message);
        let owner = canonical(&self.owner)?;
        let owner = expanded_from(&owner, signature.labels)?;
        let mut records: Vec<&Vec<u8>> = self.data.iter().collect();
        records.sort_unstable();
        records.dedup();
        for data in records {
            let length = u16::try_from(data.len()).map_err(|_| MockError::TooLong("record"))?;
            message.extend_from_slice(owner.as_slice());
            message.extend_from_slice([signature.covered, 1].map(u16::to_be_bytes).as_flattened());
            message.extend_from_slice(&signature.original_ttl.to_be_bytes());
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(data);
        }
        let mut data = Vec::new();
        let Ok(()) = fields.compose(&mut data);
        data.extend(signature.key.sign(&message)?);
        Ok(data)
    }
}

impl MockSignature {
    /// Sets the inception and the expiration.
    ///
    /// # Errors
    /// [`MockError::Period`] if the period has no whole second, or more than 2^31 of them.
    pub fn set_period(&mut self, period: Period) -> Result<(), MockError> {
        (self.inception, self.expiration) = serials(period)?;
        Ok(())
    }

    fn fields(&self) -> Result<ProtoRrsig<Name<Vec<u8>>>, MockError> {
        Ok(ProtoRrsig::new(
            Rtype::from(self.covered),
            SecurityAlgorithm::from_int(self.algorithm),
            self.labels,
            Ttl::from_secs(self.original_ttl),
            Serial::from(self.expiration),
            Serial::from(self.inception),
            self.key_tag,
            parse(&self.signer)?,
        ))
    }
}

/// Returns the first and last whole second of a period, modulo 2^32 (RFC 4034, 3.1.5).
fn serials(period: Period) -> Result<(u32, u32), MockError> {
    let round = |instant: Timestamp, mode| {
        let round = TimestampRound::new().smallest(Unit::Second).mode(mode);
        instant.round(round).map_or(i64::MAX, Timestamp::as_second)
    };
    let first = round(period.start(), RoundMode::Ceil);
    let last = round(period.end(), RoundMode::Floor);
    let is_representable = (0..1 << 31).contains(&last.saturating_sub(first));
    let serial = |second: i64| u32::try_from(second.rem_euclid(1 << 32)).ok();
    let serials = serial(first).zip(serial(last)).filter(|_| is_representable);
    serials.ok_or(MockError::Period(period))
}

/// Returns the labels, without the root's and a wildcard's (RFC 4034, 3.1.3).
fn rrsig_labels(owner: &Name<Vec<u8>>) -> u8 {
    let labels = owner.label_count() - 1 - usize::from(owner.as_slice().starts_with(b"\x01*"));
    u8::try_from(labels).unwrap_or(u8::MAX)
}

/// Returns the owner that a signature covers: the wildcard, if it has fewer labels (RFC 4035,
/// 5.3.2).
fn expanded_from(owner: &Name<Vec<u8>>, labels: u8) -> Result<Name<Vec<u8>>, MockError> {
    let surplus = usize::from(rrsig_labels(owner)).saturating_sub(usize::from(labels));
    match owner.iter_suffixes().nth(surplus) {
        Some(suffix) if surplus > 0 => Name::from_octets([b"\x01*", suffix.as_slice()].concat())
            .map_err(|_| MockError::Name(owner.to_string())),
        _ => Ok(owner.clone()),
    }
}
