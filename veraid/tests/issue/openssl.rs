//! Certificates and signatures, read and verified by OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use cms::cert::x509::der::asn1::Any;
use cms::cert::x509::der::{Decode as _, Encode as _};
use tempfile::TempDir;
use veraid::issue::{KeyError, RsaSigner, Signer as _};
use veraid::testing::{MockMember, MockOrganisation};
use veraid::{CertificateError, Hash, KeyAlgorithm};

use crate::organisation::{KEYS, PLAINTEXT, member, minutes, organisation, sign_by, sign_for};

/// Runs `openssl`, which must be installed, and returns its output.
fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output();
    let output = output.expect("this test needs the `openssl` command: apt-get install openssl");
    let (output_text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    format!("{output_text}{errors}")
}

/// A directory with the certificates in PEM, and the signatures of both kinds, in DER.
fn directory(organisation: &MockOrganisation, member: &MockMember) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, octets: &[u8]| fs::write(directory.path().join(name), octets).unwrap();
    write("organisation.der", organisation.certificate().as_der());
    write("member.der", member.certificate().as_der());
    write("by-member.bin", &sign_by(member));
    write("by-organisation.bin", &sign_for(organisation, member.member()));
    for name in ["organisation", "member"] {
        let (der, pem) = (format!("{name}.der"), format!("{name}.pem"));
        openssl(directory.path(), &["x509", "-inform", "DER", "-in", &der, "-out", &pem]);
    }
    directory
}

#[test]
fn openssl_reads_certificates() {
    for (algorithm, hash) in KEYS {
        let (organisation, _) = organisation(algorithm, hash);
        let directory = directory(&organisation, &member(&organisation, "Zoë 🦀"));
        let text = |name: &str| {
            let options =
                ["x509", "-in", name, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus"];
            openssl(directory.path(), &options)
        };
        let (text, member) = (text("organisation.pem"), text("member.pem"));
        for expected in ["Version: 3", "Issuer: CN=example.com", "rsassaPss"] {
            assert!(text.contains(expected) && member.contains(expected), "{expected}:\n{member}");
        }
        assert!(text.contains("Subject: CN=example.com"), "{text}");
        assert!(text.contains("CA:TRUE, pathlen:0"), "{text}");
        assert!(member.contains("Subject: CN=Zoë 🦀"), "{member}");
        assert!(member.contains("CA:FALSE"), "{member}");
    }
}

#[test]
fn openssl_verifies_certificates_and_signatures() {
    let at = minutes().start().as_second().to_string();
    for (algorithm, hash) in KEYS {
        let (organisation, _) = organisation(algorithm, hash);
        let directory = directory(&organisation, &member(&organisation, "alice"));
        let time = ["-attime", &at, "-CAfile", "organisation.pem"];
        let verify = [&["verify"][..], &time, &["member.pem"]].concat();
        openssl(directory.path(), &verify);
        for name in ["by-member", "by-organisation"] {
            let bundle = fs::read(directory.path().join(format!("{name}.bin"))).unwrap();
            fs::write(directory.path().join("signature.der"), content_info(&bundle)).unwrap();
            let verify = ["cms", "-verify", "-binary", "-inform", "DER", "-in", "signature.der"];
            let signer = ["-certfile", "organisation.pem", "-purpose", "any", "-out", "content"];
            openssl(directory.path(), &[&verify[..], &time, &signer].concat());
            assert_eq!(fs::read(directory.path().join("content")).unwrap(), PLAINTEXT);
        }
    }
}

/// Returns the last element of a bundle, with the tag of a SEQUENCE instead of the implicit one.
fn content_info(bundle: &[u8]) -> Vec<u8> {
    let elements = Vec::<Any>::from_der(bundle).unwrap();
    let mut octets = elements[3].to_der().unwrap();
    octets[0] = 0x30;
    octets
}

#[test]
fn openssl_parses_bundles() {
    let (organisation, _) = organisation(KeyAlgorithm::Rsa2048, Hash::Sha256);
    let directory = directory(&organisation, &member(&organisation, "@"));
    for name in ["by-member.bin", "by-organisation.bin"] {
        let text = openssl(directory.path(), &["asn1parse", "-inform", "DER", "-in", name]);
        assert!(text.contains("pkcs7-signedData"), "{text}");
    }
}

#[test]
fn exchanges_keys_with_openssl() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    let key = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
    fs::write(&path, key.to_pkcs8_pem().unwrap()).unwrap();
    openssl(directory.path(), &["pkey", "-in", "key.pem", "-check", "-noout"]);
    for (arguments, encrypted) in [
        (&["pkey", "-in", "key.pem", "-out", "other.pem"][..], false),
        (&["pkey", "-in", "key.pem", "-out", "other.pem", "-traditional"], false),
        (&["pkey", "-in", "key.pem", "-out", "other.pem", "-aes256", "-passout", "pass:x"], true),
        (
            &[
                "rsa",
                "-in",
                "key.pem",
                "-out",
                "other.pem",
                "-traditional",
                "-aes256",
                "-passout",
                "pass:x",
            ],
            true,
        ),
    ] {
        openssl(directory.path(), arguments);
        let read = RsaSigner::from_pem(&fs::read(directory.path().join("other.pem")).unwrap());
        match read {
            Ok(read) => {
                assert!(!encrypted);
                assert_eq!(read.subject_public_key_info(), key.subject_public_key_info());
            }
            Err(error) => assert_eq!((error, encrypted), (KeyError::Encrypted, true)),
        }
    }
}

#[test]
fn rejects_other_keys() {
    let directory = tempfile::tempdir().unwrap();
    let rejected = |algorithm: &str, option: &str| {
        let arguments = ["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", "key.pem"];
        openssl(directory.path(), &arguments);
        RsaSigner::from_pem(&fs::read(directory.path().join("key.pem")).unwrap()).unwrap_err()
    };
    for (algorithm, option) in [("EC", "ec_paramgen_curve:P-256"), ("RSA", "rsa_keygen_bits:1024")]
    {
        assert!(matches!(rejected(algorithm, option), KeyError::Rejected { .. }), "{algorithm}");
    }
    let odd = rejected("RSA", "rsa_keygen_bits:2056");
    assert!(matches!(odd, KeyError::PublicKey(CertificateError::ModulusBits { found: 2056, .. })));
}
