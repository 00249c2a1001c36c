//! The keys of zones, and the DS records that match them.

use domain::base::Name;
use domain::base::iana::SecurityAlgorithm;
use domain::rdata::Dnskey;

use super::TrustAnchor;
use crate::crypto::{Hash, MAX_EXPONENT_BITS, PublicKey, RsaScheme, bit_length};

const RSA_SHA256: u8 = 8;
const RSA_SHA512: u8 = 10;
const ECDSA_P256_SHA256: u8 = 13;
const ECDSA_P384_SHA384: u8 = 14;
const ED25519: u8 = 15;

/// Returns whether the algorithm is supported. Algorithms with SHA-1 are not, on purpose.
pub(super) const fn is_supported_algorithm(algorithm: u8) -> bool {
    matches!(algorithm, RSA_SHA256 | RSA_SHA512 | ECDSA_P256_SHA256 | ECDSA_P384_SHA384 | ED25519)
}

/// Returns the hash of a supported DS digest type. SHA-1 is not supported, on purpose.
pub(super) const fn supported_digest(digest_type: u8) -> Option<Hash> {
    match digest_type {
        2 => Some(Hash::Sha256),
        4 => Some(Hash::Sha384),
        _ => None,
    }
}

/// A key of a zone that can sign records.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZoneKey<'a> {
    pub(super) tag: u16,
    pub(super) algorithm: u8,
    pub(super) public_key: PublicKey<'a>,
    rdata: &'a [u8],
}

impl<'a> ZoneKey<'a> {
    const ZONE: u16 = 0x0100;
    const REVOKE: u16 = 0x0080;

    /// Reads a DNSKEY record, or returns `None` if it is not a usable key of a zone.
    ///
    /// `flags (2), protocol (1), algorithm (1), public key` (RFC 4034, 2.1; RFC 5011, 2.1).
    pub(super) fn read(rdata: &'a [u8]) -> Option<Self> {
        let (&[flags_high, flags_low, protocol, algorithm], key) = rdata.split_first_chunk()?;
        let flags = u16::from_be_bytes([flags_high, flags_low]);
        if flags & Self::ZONE == 0 || flags & Self::REVOKE != 0 || protocol != 3 {
            return None;
        }
        let public_key = read_public_key(algorithm, key)?;
        let dnskey =
            Dnskey::new(flags, protocol, SecurityAlgorithm::from_int(algorithm), key).ok()?;
        Some(Self { tag: dnskey.key_tag(), algorithm, public_key, rdata })
    }
}

fn read_public_key(algorithm: u8, key: &[u8]) -> Option<PublicKey<'_>> {
    match algorithm {
        RSA_SHA256 => read_rsa_key(RsaScheme::Pkcs1(Hash::Sha256), key),
        RSA_SHA512 => read_rsa_key(RsaScheme::Pkcs1(Hash::Sha512), key),
        ECDSA_P256_SHA256 if key.len() == 64 => Some(PublicKey::EcdsaP256(key)),
        ECDSA_P384_SHA384 if key.len() == 96 => Some(PublicKey::EcdsaP384(key)),
        ED25519 if key.len() == 32 => Some(PublicKey::Ed25519(key)),
        _ => None,
    }
}

/// RFC 3110, 2. Keys outside 1024 to 4096 bits and exponents above 33 bits are ignored.
fn read_rsa_key(scheme: RsaScheme, key: &[u8]) -> Option<PublicKey<'_>> {
    let (length, rest) = match key {
        [0, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        [length, rest @ ..] => (usize::from(*length), rest),
        [] => return None,
    };
    let (exponent, modulus) = rest.split_at_checked(length)?;
    let has_zeros = exponent.first() == Some(&0) || modulus.first() == Some(&0);
    let is_sound = (2..=MAX_EXPONENT_BITS).contains(&bit_length(exponent))
        && (1024..=4096).contains(&bit_length(modulus));
    (is_sound && !has_zeros).then_some(PublicKey::Rsa { scheme, modulus, exponent })
}

/// A DS record, which identifies a key by tag, algorithm and digest.
#[derive(Clone, Copy, Debug)]
pub(super) struct DsRecord<'a> {
    pub(super) key_tag: u16,
    algorithm: u8,
    hash: Hash,
    digest: &'a [u8],
}

impl<'a> DsRecord<'a> {
    /// Reads a DS record, or returns `None` if its algorithm or digest type is not supported.
    ///
    /// `key tag (2), algorithm (1), digest type (1), digest` (RFC 4034, 5.1).
    pub(super) fn read(rdata: &'a [u8]) -> Option<Self> {
        let (&[tag_high, tag_low, algorithm, digest_type], digest) = rdata.split_first_chunk()?;
        let hash = supported_digest(digest_type).filter(|hash| digest.len() == hash.length())?;
        let key_tag = u16::from_be_bytes([tag_high, tag_low]);
        is_supported_algorithm(algorithm).then_some(Self { key_tag, algorithm, hash, digest })
    }

    /// Returns the DS record of a trust anchor.
    pub(super) fn from_trust_anchor(anchor: &'a TrustAnchor) -> Option<Self> {
        let hash = supported_digest(anchor.digest_type())?;
        let (key_tag, algorithm) = (anchor.key_tag(), anchor.algorithm());
        Some(Self { key_tag, algorithm, hash, digest: anchor.digest() })
    }

    fn matches_tag(&self, key: &ZoneKey<'_>) -> bool {
        self.key_tag == key.tag && self.algorithm == key.algorithm
    }
}

/// Returns whether one of the DS records matches the key; `zone` is in canonical form.
///
/// The key is hashed once for each digest type, however many DS records have its tag.
pub(super) fn matches_any_ds(
    key: &ZoneKey<'_>,
    zone: &Name<[u8]>,
    ds_records: &[DsRecord<'_>],
) -> bool {
    [Hash::Sha256, Hash::Sha384].into_iter().any(|hash| {
        let mut candidates = ds_records
            .iter()
            .filter(|delegation| delegation.hash == hash && delegation.matches_tag(key))
            .peekable();
        if candidates.peek().is_none() {
            return false;
        }
        let digest = hash.digest_parts(&[zone.as_slice(), key.rdata]);
        candidates.any(|delegation| delegation.digest == digest.as_ref())
    })
}
