//! The names of DNSSEC and certificate numbers.

use veraid::{Hash, ObjectIdentifier};

/// Returns the common name of a DNSSEC algorithm number.
pub(crate) fn algorithm(number: u8) -> String {
    match number {
        5 | 7 => "RSA/SHA-1",
        8 => "RSA/SHA-256",
        10 => "RSA/SHA-512",
        13 => "ECDSA P-256",
        14 => "ECDSA P-384",
        15 => "Ed25519",
        16 => "Ed448",
        _ => return format!("algorithm {number}"),
    }
    .to_owned()
}

/// Returns the name of a DS digest type.
pub(crate) fn digest_type(number: u8) -> String {
    match number {
        1 => "SHA-1",
        2 => "SHA-256",
        4 => "SHA-384",
        _ => return format!("digest type {number}"),
    }
    .to_owned()
}

pub(crate) const fn hash(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "SHA-256",
        Hash::Sha384 => "SHA-384",
        Hash::Sha512 => "SHA-512",
    }
}

/// Returns the service's object identifier, with the name of Kliento.
pub(crate) fn service(service: &ObjectIdentifier) -> String {
    let name = if service.to_string() == kliento::SERVICE { " (Kliento)" } else { "" };
    format!("{service}{name}")
}
