//! The keys of mock zones.

use std::fmt;
use std::sync::Arc;

use domain::base::iana::SecurityAlgorithm;
use domain::rdata::Dnskey;

use super::MockError;
use super::name::canonical;
use crate::crypto::{ZoneAlgorithm, ZoneSigner, ds_digest};

/// A key of a mock zone: the fields of its DNSKEY record, and the private key.
///
/// The fields can be changed independently of the private key: a key with another algorithm number,
/// or with the flag [`Self::REVOKE`], still signs. Clones share the private key.
///
/// ```
/// use veraid::testing::{MockKey, ZoneAlgorithm};
///
/// let mut key = MockKey::generate(ZoneAlgorithm::Ed25519)?;
/// assert_eq!((key.flags, key.protocol, key.algorithm), (257, 3, 15));
/// let tag = key.key_tag();
/// key.flags |= MockKey::REVOKE;
/// assert_eq!(key.key_tag(), tag + 128);
/// # Ok::<(), veraid::testing::MockError>(())
/// ```
#[derive(Clone)]
pub struct MockKey {
    /// The flags; 257 (zone key and secure entry point) by default.
    pub flags: u16,
    /// The protocol; 3 by default.
    pub protocol: u8,
    /// The number of the algorithm.
    pub algorithm: u8,
    /// The public key (RFC 3110, 2; RFC 6605, 4; RFC 8080, 3).
    pub public_key: Vec<u8>,
    kind: ZoneAlgorithm,
    pkcs8: Option<Arc<[u8]>>,
    signer: Arc<ZoneSigner>,
}

impl MockKey {
    /// The flag of a key that may sign its zone's records (RFC 4034, 2.1.1).
    pub const ZONE: u16 = 0x0100;
    /// The flag of a key that DS records identify, and that signs the keys (RFC 4034, 2.1.1).
    pub const SECURE_ENTRY_POINT: u16 = 0x0001;
    /// The flag of a revoked key (RFC 5011, 2.1).
    pub const REVOKE: u16 = 0x0080;

    /// Generates a key. RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`MockError::Key`] if the system has no randomness.
    pub fn generate(algorithm: ZoneAlgorithm) -> Result<Self, MockError> {
        Self::generate_rsa(algorithm, 2048)
    }

    /// Generates an RSA key of 2048, 3072 or 4096 bits. For other sizes, use [`Self::from_pkcs8`].
    ///
    /// # Errors
    /// [`MockError::Key`] for another size.
    pub fn generate_rsa(algorithm: ZoneAlgorithm, bits: usize) -> Result<Self, MockError> {
        let pkcs8 = ZoneSigner::generate_pkcs8(algorithm, bits);
        Self::from_pkcs8(algorithm, &pkcs8.ok_or_else(|| no_key(algorithm))?)
    }

    /// Reads a key in DER PKCS #8, for reproducible results.
    ///
    /// RSA and Ed25519 signatures are then reproducible, ECDSA signatures are not.
    ///
    /// # Errors
    /// [`MockError::Key`] if it is not such a key.
    pub fn from_pkcs8(algorithm: ZoneAlgorithm, pkcs8: &[u8]) -> Result<Self, MockError> {
        let signer = ZoneSigner::from_pkcs8(algorithm, pkcs8).ok_or_else(|| no_key(algorithm))?;
        let key = Self::new(algorithm, signer);
        Ok(Self { pkcs8: Some(Arc::from(pkcs8)), ..key })
    }

    fn new(kind: ZoneAlgorithm, signer: ZoneSigner) -> Self {
        Self {
            flags: Self::ZONE | Self::SECURE_ENTRY_POINT,
            protocol: 3,
            algorithm: kind.number(),
            public_key: signer.public_key(),
            kind,
            pkcs8: None,
            signer: Arc::new(signer),
        }
    }

    /// Returns the private key in DER PKCS #8, or `None` if it was made by [`Self::with_exponent`].
    #[must_use]
    pub fn to_pkcs8(&self) -> Option<&[u8]> {
        self.pkcs8.as_deref()
    }

    /// Removes the flag [`Self::SECURE_ENTRY_POINT`]: the key then signs all records but the keys.
    #[must_use]
    pub const fn into_zone_signing_key(mut self) -> Self {
        self.flags &= !Self::SECURE_ENTRY_POINT;
        self
    }

    /// Returns the key's tag (RFC 4034, appendix B).
    #[must_use]
    pub fn key_tag(&self) -> u16 {
        let algorithm = SecurityAlgorithm::from_int(self.algorithm);
        let key = Dnskey::new(self.flags, self.protocol, algorithm, &self.public_key);
        // A key that is too long for a record is rejected when the record is composed.
        key.map(|key| key.key_tag()).unwrap_or_default()
    }

    /// Returns the data of the DNSKEY record (RFC 4034, 2.1).
    #[must_use]
    pub fn dnskey_data(&self) -> Vec<u8> {
        let flags = self.flags.to_be_bytes();
        [&flags, [self.protocol, self.algorithm].as_slice(), &self.public_key].concat()
    }

    /// Returns the data of a DS record of this key (RFC 4034, 5.1), for digest type 1, 2 or 4.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::DigestType`].
    pub fn ds_data(&self, zone: &str, digest_type: u8) -> Result<Vec<u8>, MockError> {
        let zone = canonical(zone)?;
        let digest = ds_digest(digest_type, &[zone.as_slice(), &self.dnskey_data()]);
        let digest = digest.ok_or(MockError::DigestType(digest_type))?;
        let tag = self.key_tag().to_be_bytes();
        Ok([&tag, [self.algorithm, digest_type].as_slice(), &digest].concat())
    }

    /// Signs octets with the private key.
    ///
    /// # Errors
    /// [`MockError::Signing`] if the modulus is too short for the hash.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MockError> {
        self.signer.sign(message).ok_or_else(|| MockError::Signing(self.key_tag()))
    }

    /// Returns the RSA key of the same modulus with another public exponent, big-endian.
    ///
    /// # Errors
    /// [`MockError::Key`] if this is not an RSA key, or has no matching private exponent.
    pub fn with_exponent(&self, exponent: &[u8]) -> Result<Self, MockError> {
        let signer = self.signer.with_exponent(self.kind, exponent);
        let signer = signer.ok_or_else(|| no_key(self.kind))?;
        let public_key = signer.public_key();
        Ok(Self { public_key, pkcs8: None, signer: Arc::new(signer), ..self.clone() })
    }

    /// Returns another key of this algorithm that signs, with these flags and this tag.
    ///
    /// RSA keys share the modulus and have the next suitable exponent of three octets, so that
    /// repeated calls return different keys. For other algorithms, some 65,000 keys are generated,
    /// which takes seconds.
    ///
    /// # Errors
    /// [`MockError::NoKeyTagCollision`] if none is found.
    pub fn colliding(&self) -> Result<Self, MockError> {
        let is_rsa = self.signer.public_key_with_exponent(&[3]).is_some();
        let found = if is_rsa { self.colliding_exponent() } else { self.colliding_key() };
        found.ok_or_else(|| MockError::NoKeyTagCollision(self.key_tag()))
    }

    /// Returns this key with other octets in the middle of its public key, so that it has the tag.
    ///
    /// Its signatures never verify.
    ///
    /// # Errors
    /// [`MockError::NoKeyTagCollision`] if none is found.
    pub fn forged(&self, tag: u16) -> Result<Self, MockError> {
        let mut key = self.clone();
        let middle = key.public_key.len() / 2;
        for pair in 0..=u16::MAX {
            if let Some(octets) = key.public_key.get_mut(middle..middle + 2) {
                octets.copy_from_slice(&pair.to_be_bytes());
            }
            if key.key_tag() == tag && key.public_key != self.public_key {
                return Ok(key);
            }
        }
        Err(MockError::NoKeyTagCollision(tag))
    }

    fn colliding_exponent(&self) -> Option<Self> {
        let tag = self.key_tag();
        // Odd, and as long as 65537, the usual one; of equal length, greater octets mean a greater
        // one.
        (0x01_0003_u32..0x100_0000).step_by(2).find_map(|exponent| {
            let [_, exponent @ ..] = exponent.to_be_bytes();
            let public_key = self.signer.public_key_with_exponent(&exponent)?;
            let candidate = Self { public_key, ..self.clone() };
            let is_next = candidate.public_key > self.public_key && candidate.key_tag() == tag;
            is_next.then(|| self.with_exponent(&exponent).ok()).flatten()
        })
    }

    fn colliding_key(&self) -> Option<Self> {
        let tag = self.key_tag();
        // Each attempt fails with probability 1 - 2^-16, so that all fail with e^-32.
        (0..32 << 16).find_map(|_| {
            let mut candidate = Self::generate(self.kind).ok()?;
            candidate.flags = self.flags;
            candidate.algorithm = self.algorithm;
            (candidate.key_tag() == tag).then_some(candidate)
        })
    }
}

/// Shows only the public fields.
impl fmt::Debug for MockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockKey")
            .field("flags", &self.flags)
            .field("algorithm", &self.algorithm)
            .field("key_tag", &self.key_tag())
            .finish_non_exhaustive()
    }
}

const fn no_key(algorithm: ZoneAlgorithm) -> MockError {
    MockError::Key { algorithm: algorithm.number() }
}
