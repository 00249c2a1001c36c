//! Zones and their keys.

use serde::{Serialize, Serializer};

use super::wire::{ALGORITHM_ECDSA_P256, key_tag};
use crate::hash::Hash;
use crate::key::{Key, KeyName};
use crate::octets::Octets;

#[derive(Clone, Serialize)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) keys: Vec<ZoneKey>,
}

#[derive(Clone, Serialize)]
pub(crate) struct ZoneKey {
    pub(crate) key: KeyName,
    pub(crate) flags: u16,
    pub(crate) protocol: u8,
    pub(crate) algorithm: u8,
    pub(crate) public_key: PublicKey,
}

#[derive(Clone, Serialize)]
pub(crate) enum PublicKey {
    /// The public key of the test key.
    Own,
    Octets(Octets),
    /// A key without a private key, with the tag and length of the test key. It sorts first.
    Colliding(u8),
    /// An RSA key without a private key, with the test key's tag, modulus length and exponent
    /// length.
    CollidingWithHugeExponent(u8),
}

/// A key by the position of its zone and its own position.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyRef {
    pub(crate) zone: usize,
    pub(crate) key: usize,
}

/// Serialised as one value, so that another key is one difference.
impl Serialize for KeyRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("key {} of zone {}", self.key, self.zone))
    }
}

impl ZoneKey {
    pub(crate) const KSK: u16 = 257;
    pub(crate) const ZSK: u16 = 256;
    pub(crate) const REVOKE: u16 = 128;

    pub(crate) const fn new(key: KeyName, flags: u16) -> Self {
        Self::with_algorithm(key, flags, ALGORITHM_ECDSA_P256)
    }

    pub(crate) const fn with_algorithm(key: KeyName, flags: u16, algorithm: u8) -> Self {
        Self { key, flags, protocol: 3, algorithm, public_key: PublicKey::Own }
    }

    /// `flags, protocol, algorithm, public key` (RFC 4034, 2.1).
    pub(crate) fn rdata(&self) -> Vec<u8> {
        let own = Key::named(self.key).dns_public_key();
        match &self.public_key {
            PublicKey::Own => self.with_public_key(&own),
            PublicKey::Octets(octets) => self.with_public_key(&octets.0),
            PublicKey::Colliding(seed) => {
                // The exponent of an RSA key is unchanged.
                let exponent_length = if self.algorithm == 8 { usize::from(own[0]) + 1 } else { 0 };
                let noise = noise(*seed, own.len() - exponent_length);
                self.colliding(&[&own[..exponent_length], &noise].concat())
            }
            PublicKey::CollidingWithHugeExponent(seed) => {
                let modulus = own.len() - usize::from(own[0]) - 1;
                let [.., high, low] = modulus.to_be_bytes();
                self.colliding(&[&[0, high, low], noise(*seed, 2 * modulus).as_slice()].concat())
            }
        }
    }

    pub(crate) fn tag(&self) -> u16 {
        key_tag(&self.rdata())
    }

    fn with_public_key(&self, public_key: &[u8]) -> Vec<u8> {
        [&self.flags.to_be_bytes(), [self.protocol, self.algorithm].as_slice(), public_key].concat()
    }

    /// Changes two octets in the middle so that the tag is that of the test key.
    fn colliding(&self, public_key: &[u8]) -> Vec<u8> {
        let expected = key_tag(&self.with_public_key(&Key::named(self.key).dns_public_key()));
        let mut rdata = self.with_public_key(public_key);
        let middle = rdata.len() / 4 * 2;
        rdata[middle..middle + 2].fill(0);
        // The tag is a sum with end-around carry, so it differs by at most one.
        let difference = expected.wrapping_sub(key_tag(&rdata));
        let collides = [difference, difference.wrapping_sub(1)].into_iter().any(|word| {
            rdata[middle..middle + 2].copy_from_slice(&word.to_be_bytes());
            key_tag(&rdata) == expected
        });
        assert!(collides, "no octets give the tag");
        rdata
    }
}

/// Returns octets that depend on the seed. The first is low but not zero, so that they sort first
/// and have no leading zeros. The last is odd, as in RSA numbers.
pub(crate) fn noise(seed: u8, length: usize) -> Vec<u8> {
    let blocks = (0_u16..).flat_map(|block| {
        let [high, low] = block.to_be_bytes();
        Hash::Sha256.digest(&[seed, high, low])
    });
    let mut octets: Vec<u8> = blocks.take(length).collect();
    octets[0] = 0x01;
    octets[length - 1] |= 1;
    octets
}
