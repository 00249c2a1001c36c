//! The private keys of mock zones.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RsaEncoding, RsaKeyPair,
};

use super::unchecked_rsa::{RsaHash, UncheckedRsa};

/// An algorithm that mock zones sign with (IANA "DNS Security Algorithm Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ZoneAlgorithm {
    /// 5: RSA with SHA-1, which verification rejects.
    RsaSha1,
    /// 7: as 5, in zones with NSEC3.
    RsaSha1Nsec3,
    /// 8: RSA with SHA-256.
    RsaSha256,
    /// 10: RSA with SHA-512.
    RsaSha512,
    /// 13: ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// 14: ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// 15: Ed25519.
    Ed25519,
}

impl ZoneAlgorithm {
    /// Returns the algorithm's number in DNSKEY, DS and RRSIG records.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::RsaSha1 => 5,
            Self::RsaSha1Nsec3 => 7,
            Self::RsaSha256 => 8,
            Self::RsaSha512 => 10,
            Self::EcdsaP256Sha256 => 13,
            Self::EcdsaP384Sha384 => 14,
            Self::Ed25519 => 15,
        }
    }
}

/// A private key, and how it signs.
pub(crate) enum ZoneSigner {
    /// A key whose size and hash the library supports.
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, UncheckedRsa),
    /// Any other size, exponent or hash.
    UncheckedRsa(UncheckedRsa, RsaHash),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl ZoneSigner {
    /// Generates a key in PKCS #8, or returns `None` if the size is unsupported.
    ///
    /// `bits` applies to RSA only.
    pub(crate) fn generate_pkcs8(algorithm: ZoneAlgorithm, bits: usize) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let document = match algorithm {
            ZoneAlgorithm::EcdsaP256Sha256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            }
            ZoneAlgorithm::EcdsaP384Sha384 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)
            }
            ZoneAlgorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
            _ => return generate_rsa_pkcs8(bits),
        };
        Some(document.ok()?.as_ref().to_vec())
    }

    /// Reads a PKCS #8 key, or returns `None` if it is not one.
    pub(crate) fn from_pkcs8(algorithm: ZoneAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).ok().map(Self::Ecdsa)
        };
        match algorithm {
            ZoneAlgorithm::RsaSha1 | ZoneAlgorithm::RsaSha1Nsec3 => {
                Some(Self::UncheckedRsa(UncheckedRsa::from_pkcs8(pkcs8).ok()?, RsaHash::Sha1))
            }
            ZoneAlgorithm::RsaSha256 => read_rsa(pkcs8, &RSA_PKCS1_SHA256, RsaHash::Sha256),
            ZoneAlgorithm::RsaSha512 => read_rsa(pkcs8, &RSA_PKCS1_SHA512, RsaHash::Sha512),
            ZoneAlgorithm::EcdsaP256Sha256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            ZoneAlgorithm::EcdsaP384Sha384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            ZoneAlgorithm::Ed25519 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Self::Ed25519)
            }
        }
    }

    /// Returns the RSA key of the same modulus with another public exponent, or `None` if it has
    /// none.
    pub(crate) fn with_exponent(&self, algorithm: ZoneAlgorithm, exponent: &[u8]) -> Option<Self> {
        let hash = match algorithm {
            ZoneAlgorithm::RsaSha256 => RsaHash::Sha256,
            ZoneAlgorithm::RsaSha512 => RsaHash::Sha512,
            _ => RsaHash::Sha1,
        };
        Some(Self::UncheckedRsa(self.rsa()?.with_exponent(exponent)?, hash))
    }

    /// Returns the public key of [`Self::with_exponent`], or `None` if this is not an RSA key.
    pub(crate) fn public_key_with_exponent(&self, exponent: &[u8]) -> Option<Vec<u8>> {
        Some(self.rsa()?.public_key_with(exponent))
    }

    /// Returns the public key as DNSKEY records have it (RFC 3110, 2; RFC 6605, 4; RFC 8080, 3).
    pub(crate) fn public_key(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_, _, key) | Self::UncheckedRsa(key, _) => key.public_key(),
            // The library puts the octet of an uncompressed point (SEC 1, 2.3.3) before it.
            Self::Ecdsa(key) => key.public_key().as_ref().iter().skip(1).copied().collect(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
        }
    }

    /// Signs a message as in RRSIG records, or returns `None` if the key cannot sign it.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key, encoding, _) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Self::UncheckedRsa(key, hash) => key.sign(*hash, message),
            Self::Ecdsa(key) => {
                key.sign(&SystemRandom::new(), message).ok().map(|it| it.as_ref().to_vec())
            }
            Self::Ed25519(key) => Some(key.sign(message).as_ref().to_vec()),
        }
    }

    const fn rsa(&self) -> Option<&UncheckedRsa> {
        match self {
            Self::Rsa(_, _, key) | Self::UncheckedRsa(key, _) => Some(key),
            Self::Ecdsa(_) | Self::Ed25519(_) => None,
        }
    }
}

/// Returns the digest of a DS record: type 1, 2 or 4, of a zone's name and key (RFC 4034, 5.1.4).
pub(crate) fn ds_digest(digest_type: u8, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let algorithm = match digest_type {
        1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        2 => &digest::SHA256,
        4 => &digest::SHA384,
        _ => return None,
    };
    Some(digest::digest(algorithm, &parts.concat()).as_ref().to_vec())
}

fn generate_rsa_pkcs8(bits: usize) -> Option<Vec<u8>> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    };
    Some(RsaKeyPair::generate(size).ok()?.as_der().ok()?.as_ref().to_vec())
}

fn read_rsa(pkcs8: &[u8], encoding: &'static dyn RsaEncoding, hash: RsaHash) -> Option<ZoneSigner> {
    let plain = UncheckedRsa::from_pkcs8(pkcs8).ok()?;
    // The library rejects keys below 2048 bits.
    match RsaKeyPair::from_pkcs8(pkcs8) {
        Ok(key) => Some(ZoneSigner::Rsa(key, encoding, plain)),
        Err(_) => Some(ZoneSigner::UncheckedRsa(plain, hash)),
    }
}
