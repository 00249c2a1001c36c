//! Reproducible RSA signatures with any padding parameters (RFC 8017).

use std::collections::HashMap;
use std::sync::Mutex;

use num_bigint::BigUint;
use pkcs1::{RsaPrivateKeyRef, UintRef};

use crate::der::Node;
use crate::hash::Hash;

/// An RSA test key.
pub(crate) struct RsaKey {
    pub(crate) modulus: Vec<u8>,
    pub(crate) exponent: Vec<u8>,
    /// The two primes, and the private exponent for each.
    primes: [(BigUint, BigUint); 2],
    /// The inverse of the second prime modulo the first.
    coefficient: BigUint,
    /// A cache, since cases share most of their signatures.
    signatures: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

/// The parameters of RSASSA-PSS.
#[derive(Clone, Copy)]
pub(crate) struct PssParameters {
    pub(crate) hash: Hash,
    pub(crate) mask_hash: Hash,
    pub(crate) salt_length: usize,
}

impl RsaKey {
    pub(crate) fn new(numbers: &RsaPrivateKeyRef<'_>) -> Self {
        Self {
            modulus: numbers.modulus.as_bytes().to_vec(),
            exponent: numbers.public_exponent.as_bytes().to_vec(),
            primes: [
                (number(numbers.prime1), number(numbers.exponent1)),
                (number(numbers.prime2), number(numbers.exponent2)),
            ],
            coefficient: number(numbers.coefficient),
            signatures: Mutex::default(),
        }
    }

    /// Signs with RSASSA-PSS (RFC 8017, 8.1.1), with a salt that depends on the message.
    pub(crate) fn sign_pss(&self, parameters: PssParameters, message: &[u8]) -> Vec<u8> {
        let PssParameters { hash, mask_hash, salt_length } = parameters;
        let digest = hash.digest(message);
        let salt = mask(Hash::Sha256, &[b"salt", digest.as_slice()].concat(), salt_length);
        let salted = hash.digest(&[&[0; 8], digest.as_slice(), &salt].concat());
        // The highest bit stays clear, so that the number is below the modulus.
        let length = self.modulus.len() - hash.length() - 1;
        let zeros = vec![0; length - salt_length - 1];
        let block = [zeros.as_slice(), &[1], &salt].concat();
        let mask = mask(mask_hash, &salted, length);
        let mut masked: Vec<u8> =
            block.iter().zip(&mask).map(|(octet, mask)| octet ^ mask).collect();
        masked[0] &= 0x7f;
        self.power([masked.as_slice(), &salted, &[0xbc]].concat())
    }

    /// Signs with RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.1).
    pub(crate) fn sign_pkcs1(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let algorithm = Node::sequence(vec![Node::oid(hash.oid()), Node::null()]);
        let info =
            Node::sequence(vec![algorithm, Node::octet_string(hash.digest(message))]).encode();
        let filler = vec![0xff; self.modulus.len() - info.len() - 3];
        self.power([&[0, 1], filler.as_slice(), &[0], &info].concat())
    }

    /// Returns the SPKI's `RSAPublicKey`.
    pub(crate) fn public_key(&self) -> Node {
        Node::sequence(vec![
            Node::positive_integer(&self.modulus),
            Node::positive_integer(&self.exponent),
        ])
    }

    /// Raises to the private exponent (RFC 8017, 5.2.1, 2b).
    fn private_power(&self, message: &BigUint) -> BigUint {
        let [(first, first_exponent), (second, second_exponent)] = &self.primes;
        let left = message.modpow(first_exponent, first);
        let right = message.modpow(second_exponent, second);
        let difference = left + first - &right % first;
        right + second * (difference * &self.coefficient % first)
    }

    fn power(&self, encoded: Vec<u8>) -> Vec<u8> {
        let mut signatures = self.signatures.lock().expect("no thread panicked");
        let signature = signatures.entry(encoded).or_insert_with_key(|encoded| {
            let digits = self.private_power(&BigUint::from_bytes_be(encoded)).to_bytes_be();
            [vec![0; self.modulus.len() - digits.len()], digits].concat()
        });
        signature.clone()
    }
}

fn number(digits: UintRef<'_>) -> BigUint {
    BigUint::from_bytes_be(digits.as_bytes())
}

/// MGF1 (RFC 8017, B.2.1).
fn mask(hash: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    let blocks =
        (0_u32..).flat_map(|counter| hash.digest(&[seed, &counter.to_be_bytes()].concat()));
    blocks.take(length).collect()
}
