//! Signatures in tokens.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use veraid::issue::pkcs11::Pkcs11Signer;
use veraid::issue::{
    MemberCertificate, OrganisationCertificate, RsaSigner, SignatureRequest, Signer as _,
    member_id_bundle, txt_record,
};
use veraid::testing::MockEnvironment;
use veraid::{
    Dialect, Hash, KeyAlgorithm, Member, MemberIdBundle, ObjectIdentifier, OrganisationName,
    Period, SignatureBundle, SignerKind, Timestamp, Verification,
};

use crate::key_uri;

fn period() -> Period {
    let [start, end] = ["2026-11-22T18:00:00Z", "2026-11-22T18:05:00Z"]
        .map(|instant| instant.parse::<Timestamp>().unwrap());
    Period::new(start, end).unwrap()
}

/// Completing a certificate verifies its signature.
pub(crate) fn each_size_and_hash(test: &str) {
    let name: OrganisationName = "example.com".parse().unwrap();
    for (object, algorithm) in [
        ("2048", KeyAlgorithm::Rsa2048),
        ("3072", KeyAlgorithm::Rsa3072),
        ("4096", KeyAlgorithm::Rsa4096),
    ] {
        let signer = Pkcs11Signer::generate(&key_uri(test, object), algorithm).unwrap();
        assert_eq!(signer.public_key().algorithm(), algorithm);
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let signer = signer.clone().with_hash(hash);
            let key = signer.subject_public_key_info();
            let unsigned = OrganisationCertificate::prepare(&name, key, hash, period()).unwrap();
            unsigned.sign(&signer).unwrap_or_else(|error| panic!("{object} {hash:?}: {error}"));
        }
    }
}

/// The organisation's key is in a token, and so is the member's.
pub(crate) fn bundles_verify(test: &str) {
    let generate = |object: &str| {
        Pkcs11Signer::generate(&key_uri(test, object), KeyAlgorithm::Rsa2048).unwrap()
    };
    let (key, member_key) = (generate("organisation"), generate("alice"));
    let (name, alice): (OrganisationName, Member) =
        ("example.com".parse().unwrap(), "alice".parse().unwrap());
    let public_key = key.subject_public_key_info();
    let record = txt_record(public_key, Duration::from_secs(3600), None).unwrap();
    let environment = MockEnvironment::new(period()).unwrap();
    let chain = environment.chain(&name, &[record], Dialect::Deployed).unwrap();

    let organisation =
        OrganisationCertificate::prepare(&name, public_key, key.hash(), period()).unwrap();
    let organisation = organisation.sign(&key).unwrap();
    let public_key = member_key.subject_public_key_info();
    let certificate =
        MemberCertificate::prepare(&alice, public_key, &organisation, key.hash(), period());
    let certificate = certificate.unwrap().sign(&key).unwrap();
    let id = member_id_bundle(&organisation, &certificate, &chain).unwrap();
    let id = MemberIdBundle::from_der(&id).unwrap();

    let service: ObjectIdentifier = "1.3.6.1.4.1.58708.1.1".parse().unwrap();
    let request = SignatureRequest::new(&service, b"Hello", period());
    let by_member = request.by_member(&id, member_key.hash()).unwrap().sign(&member_key).unwrap();
    let for_member =
        request.by_organisation(&organisation, &chain, &alice, key.hash()).unwrap().sign(&key);
    let anchors = environment.trust_anchors().unwrap();
    let verification = Verification::new(&service, &anchors);
    for (bundle, kind) in
        [(by_member, SignerKind::Member), (for_member.unwrap(), SignerKind::Organisation)]
    {
        let bundle = SignatureBundle::from_der(bundle.as_bytes()).unwrap();
        let verified = verification.verify_signature_at(&bundle, period().end()).unwrap();
        assert_eq!((verified.member(), verified.signer()), (&alice, kind));
    }
    // A key in memory is not the one of the certificate.
    let other = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
    assert!(request.by_member(&id, other.hash()).unwrap().sign(&other).is_err());
}

/// More than there are sessions.
pub(crate) fn many_threads(test: &str) {
    let signer = Pkcs11Signer::generate(&key_uri(test, "key"), KeyAlgorithm::Rsa2048).unwrap();
    let name: OrganisationName = "example.com".parse().unwrap();
    let key = signer.subject_public_key_info();
    let unsigned = OrganisationCertificate::prepare(&name, key, signer.hash(), period()).unwrap();
    let start = Arc::new(Barrier::new(24));
    let threads = (0..24).map(|_| {
        let (signer, unsigned, start) = (signer.clone(), unsigned.clone(), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            for _ in 0..10 {
                unsigned.clone().sign(&signer).unwrap();
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
