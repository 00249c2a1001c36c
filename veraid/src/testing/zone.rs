//! Mock zones: a name, keys, and the validity of their signatures.

use std::time::Duration;

use super::record::{rtype, ttl_seconds};
use super::{MockError, MockKey, MockRrset, ZoneAlgorithm};
use crate::Period;

/// A signed zone of a [`MockDns`](super::MockDns).
///
/// If only some keys have the flag [`MockKey::SECURE_ENTRY_POINT`], they sign the keys, and the
/// other keys sign the rest. Otherwise all keys sign everything.
///
/// ```
/// use veraid::testing::{MockKey, MockZone, ZoneAlgorithm};
/// use veraid::Period;
///
/// # fn zone(period: Period) -> Result<MockZone, veraid::testing::MockError> {
/// let algorithm = ZoneAlgorithm::RsaSha256;
/// let zone = MockZone::new("example.com", period)?
///     .with_keys([
///         MockKey::generate(algorithm)?,
///         MockKey::generate(algorithm)?.into_zone_signing_key(),
///     ])
///     .with_digest_types([4]);
/// # Ok(zone)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MockZone {
    /// The zone's name.
    pub name: String,
    /// The keys that sign. By default a key of ECDSA P-256.
    pub keys: Vec<MockKey>,
    /// The keys that are published and don't sign. By default none.
    pub standby_keys: Vec<MockKey>,
    /// The digest types of the DS records. 2 (SHA-256) by default.
    pub digest_types: Vec<u8>,
    /// The TTL of all records, in seconds. 300 by default.
    pub ttl: u32,
    /// The validity of the signatures, in whole seconds.
    pub period: Period,
}

impl MockZone {
    /// Creates a zone with a new ECDSA P-256 key.
    ///
    /// # Errors
    /// [`MockError::Key`] if the system has no randomness.
    pub fn new(name: &str, period: Period) -> Result<Self, MockError> {
        Ok(Self {
            name: name.to_owned(),
            keys: vec![MockKey::generate(ZoneAlgorithm::EcdsaP256Sha256)?],
            standby_keys: Vec::new(),
            digest_types: vec![2],
            ttl: 300,
            period,
        })
    }

    /// Sets the keys that sign.
    #[must_use]
    pub fn with_keys(mut self, keys: impl IntoIterator<Item = MockKey>) -> Self {
        self.keys = keys.into_iter().collect();
        self
    }

    /// Sets the keys that are published and don't sign.
    #[must_use]
    pub fn with_standby_keys(mut self, keys: impl IntoIterator<Item = MockKey>) -> Self {
        self.standby_keys = keys.into_iter().collect();
        self
    }

    /// Sets the digest types of the DS records: 1, 2 or 4.
    #[must_use]
    pub fn with_digest_types(mut self, digest_types: impl IntoIterator<Item = u8>) -> Self {
        self.digest_types = digest_types.into_iter().collect();
        self
    }

    /// Sets the TTL of all records: whole seconds, of which a record has at most 2^32 - 1.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: ttl_seconds(ttl), ..self }
    }

    /// Returns the keys that DS records identify, and that sign the keys.
    pub fn secure_entry_point_keys(&self) -> impl Iterator<Item = &MockKey> {
        self.keys_for(true)
    }

    /// Returns an RRset of this zone, with its signatures.
    pub(super) fn sign(
        &self,
        owner: &str,
        rtype: u16,
        data: Vec<Vec<u8>>,
    ) -> Result<MockRrset, MockError> {
        let mut set = MockRrset { ttl: self.ttl, ..MockRrset::new(owner, rtype, data) };
        for key in self.keys_for(rtype == rtype::DNSKEY) {
            set.sign_with(key, &self.name, self.period)?;
        }
        Ok(set)
    }

    /// Returns the DNSKEY RRset of this zone.
    pub(super) fn key_set(&self) -> Result<MockRrset, MockError> {
        let keys = self.keys.iter().chain(&self.standby_keys);
        self.sign(&self.name, rtype::DNSKEY, keys.map(MockKey::dnskey_data).collect())
    }

    /// Returns the data of the DS records of this zone.
    pub(super) fn delegation(&self) -> Result<Vec<Vec<u8>>, MockError> {
        let digest_types = self.digest_types.iter();
        digest_types
            .flat_map(|digest_type| {
                self.secure_entry_point_keys().map(|key| key.ds_data(&self.name, *digest_type))
            })
            .collect()
    }

    fn keys_for(&self, is_entry: bool) -> impl Iterator<Item = &MockKey> {
        let has_flag = |key: &MockKey| key.flags & MockKey::SECURE_ENTRY_POINT != 0;
        let has_both = self.keys.iter().any(has_flag) && !self.keys.iter().all(has_flag);
        self.keys.iter().filter(move |key| !has_both || has_flag(key) == is_entry)
    }
}
