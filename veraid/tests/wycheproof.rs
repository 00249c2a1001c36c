//! Wycheproof's vectors, checked by the signature checks of verification.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end by a panic")]

use veraid::{Hash, PublicKey, RsaScheme, SignatureCheck};
use wycheproof::{EdwardsCurve, HashFunction, RsaPublic, TestResult};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// The number of vectors of each result.
#[derive(Debug, Default)]
struct Ran {
    valid: usize,
    invalid: usize,
    acceptable: usize,
}

impl Ran {
    /// Checks one vector: only valid ones verify.
    ///
    /// The acceptable ones are PKCS #1 signatures whose digest has no NULL parameters; RFC 8017,
    /// 9.2, note 1 leaves them to the verifier, and this one rejects them.
    fn check(&mut self, name: &str, check: &SignatureCheck<'_>, result: TestResult) {
        let (count, expected) = match result {
            TestResult::Valid => (&mut self.valid, true),
            TestResult::Invalid => (&mut self.invalid, false),
            TestResult::Acceptable => (&mut self.acceptable, false),
        };
        *count += 1;
        assert_eq!(check.verify(), expected, "{name} is {result:?}");
    }

    /// An empty or renamed set must not pass.
    fn assert_at_least(&self, valid: usize, invalid: usize) {
        assert!(self.valid >= valid && self.invalid >= invalid, "only {self:?} ran");
    }
}

#[test]
fn rsa_pss() {
    let mut ran = Ran::default();
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let Some(hash) = sha2(group.hash) else { continue };
            let is_ours = group.mgf_hash == Some(group.hash) && group.salt_size == hash.length();
            let scheme = RsaScheme::Pss(hash);
            let key = rsa_key(&group.key, scheme);
            for test in &group.tests {
                let check = SignatureCheck { key, message: &test.msg, signature: &test.sig };
                let result = match test.result {
                    result if is_ours => result,
                    // Vectors with another mask or salt must not verify, even if they are valid
                    // elsewhere.
                    TestResult::Valid => TestResult::Invalid,
                    _ => continue,
                };
                ran.check(&format!("{name:?} {}", test.tc_id), &check, result);
            }
        }
    }
    ran.assert_at_least(775, 1166);
}

#[test]
fn rsa_pkcs1() {
    let mut ran = Ran::default();
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            // Longer keys are ignored before any signature is checked.
            let Some(hash) = sha2(group.hash).filter(|_| group.key_size <= 4096) else { continue };
            let scheme = RsaScheme::Pkcs1(hash);
            let key = rsa_key(&group.key, scheme);
            for test in &group.tests {
                let check = SignatureCheck { key, message: &test.msg, signature: &test.sig };
                ran.check(&format!("{name:?} {}", test.tc_id), &check, test.result);
            }
        }
    }
    ran.assert_at_least(68, 2253);
}

#[test]
fn ecdsa() {
    let mut ran = Ran::default();
    for name in
        [ecdsa::TestName::EcdsaSecp256r1Sha256P1363, ecdsa::TestName::EcdsaSecp384r1Sha384P1363]
    {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            // DNSSEC omits the octet of an uncompressed point.
            let point = group.key.key.strip_prefix(&[4]).unwrap();
            let key = match point.len() {
                64 => PublicKey::EcdsaP256(point),
                96 => PublicKey::EcdsaP384(point),
                other => panic!("{name:?}: {other} octets"),
            };
            for test in &group.tests {
                let check = SignatureCheck { key, message: &test.msg, signature: &test.sig };
                ran.check(&format!("{name:?} {}", test.tc_id), &check, test.result);
            }
        }
    }
    ran.assert_at_least(366, 176);
}

#[test]
fn ed25519() {
    let mut ran = Ran::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        assert_eq!(group.key.curve, EdwardsCurve::Ed25519);
        let key = PublicKey::Ed25519(&group.key.pk);
        for test in &group.tests {
            let check = SignatureCheck { key, message: &test.msg, signature: &test.sig };
            ran.check(&format!("Ed25519 {}", test.tc_id), &check, test.result);
        }
    }
    ran.assert_at_least(88, 63);
}

/// Returns the numbers without the leading zero of positive DER integers.
fn rsa_key(key: &RsaPublic, scheme: RsaScheme) -> PublicKey<'_> {
    let modulus = key.n.strip_prefix(&[0]).unwrap_or(&key.n);
    let exponent = key.e.strip_prefix(&[0]).unwrap_or(&key.e);
    PublicKey::Rsa { scheme, modulus, exponent }
}

fn sha2(hash: HashFunction) -> Option<Hash> {
    match hash {
        HashFunction::Sha2_256 => Some(Hash::Sha256),
        HashFunction::Sha2_384 => Some(Hash::Sha384),
        HashFunction::Sha2_512 => Some(Hash::Sha512),
        _ => None,
    }
}
