//! Of the keys that OpenSSL generates, only RSA-4096 in a `SubjectPublicKeyInfo` is valid.

use std::fs;

use kleidia_tower::agent::{AgentPublicKey, PublicKeyError};

use crate::openssl::openssl;

/// A key in the forms that OpenSSL writes.
struct Key {
    private: String,
    public: String,
    pkcs1: String,
}

/// Generates a key by this command of OpenSSL and its options.
fn generate(command: &[&str]) -> Key {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| openssl(directory.path(), arguments);
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let (name, options) = command.split_first().unwrap();
    run(&[&[*name, "-out", "private.pem"][..], options].concat());
    run(&["pkey", "-in", "private.pem", "-pubout", "-out", "public.pem"]);
    let is_rsa = command.contains(&"RSA");
    if is_rsa {
        let form = ["-RSAPublicKey_out", "-out", "pkcs1.pem"];
        run(&[&["rsa", "-in", "private.pem"][..], &form].concat());
    }
    let pkcs1 = if is_rsa { read("pkcs1.pem") } else { String::new() };
    Key { private: read("private.pem"), public: read("public.pem"), pkcs1 }
}

fn rsa(options: &[&str]) -> Key {
    let options: Vec<_> = options.iter().flat_map(|option| ["-pkeyopt", option]).collect();
    generate(&[&["genpkey", "-algorithm", "RSA"][..], &options].concat())
}

fn parse_error(text: &str) -> PublicKeyError {
    text.parse::<AgentPublicKey>().unwrap_err()
}

#[test]
fn rejects_other_lengths() {
    for (bits, primes, found) in [
        ("rsa_keygen_bits:1024", "rsa_keygen_primes:2", 1024),
        ("rsa_keygen_bits:2048", "rsa_keygen_primes:2", 2048),
        ("rsa_keygen_bits:3072", "rsa_keygen_primes:2", 3072),
        ("rsa_keygen_bits:4088", "rsa_keygen_primes:3", 4088),
        ("rsa_keygen_bits:4104", "rsa_keygen_primes:3", 4104),
        // Five primes, since two of this length take a minute to find.
        ("rsa_keygen_bits:8192", "rsa_keygen_primes:5", 8192),
    ] {
        assert_eq!(
            parse_error(&rsa(&[bits, primes]).public),
            PublicKeyError::ModulusBits { found }
        );
    }
}

#[test]
fn rejects_small_and_long_exponents() {
    let key = |exponent| rsa(&["rsa_keygen_bits:4096", "rsa_keygen_primes:3", exponent]);
    let small = key("rsa_keygen_pubexp:3");
    assert_eq!(parse_error(&small.public), PublicKeyError::Exponent { found: 3 });
    let small = key("rsa_keygen_pubexp:65535");
    assert_eq!(parse_error(&small.public), PublicKeyError::Exponent { found: 65_535 });
    let long = key("rsa_keygen_pubexp:8589934593");
    assert_eq!(parse_error(&long.public), PublicKeyError::ExponentBits { found: 34 });
    for exponent in ["rsa_keygen_pubexp:4294967295", "rsa_keygen_pubexp:4294967297"] {
        let valid: AgentPublicKey = key(exponent).public.parse().unwrap();
        assert_eq!(valid.encrypt(b"x").unwrap().len(), 512);
    }
}

#[test]
fn rejects_other_forms_without_quoting_them() {
    let key = rsa(&["rsa_keygen_bits:4096", "rsa_keygen_primes:3"]);
    assert!(key.public.parse::<AgentPublicKey>().is_ok());
    for (text, label) in [(&key.pkcs1, "RSA PUBLIC KEY"), (&key.private, "PRIVATE KEY")] {
        let error = parse_error(text);
        assert_eq!(error, PublicKeyError::Label { found: label.to_owned() });
        let message = format!("{error:?} {error}");
        let mut lines = text.lines().filter(|line| !line.starts_with("-----"));
        assert!(lines.all(|line| !message.contains(line)), "{message}");
    }
    let mislabelled = key.private.replace("PRIVATE KEY", "PUBLIC KEY");
    assert!(matches!(parse_error(&mislabelled), PublicKeyError::Der { .. }));
    let mislabelled = key.pkcs1.replace("RSA PUBLIC KEY", "PUBLIC KEY");
    assert!(matches!(parse_error(&mislabelled), PublicKeyError::Der { .. }));
}

#[test]
fn rejects_other_algorithms() {
    let rsa_pss = ["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt"];
    let rsa_pss =
        [&rsa_pss[..], &["rsa_keygen_bits:4096", "-pkeyopt", "rsa_keygen_primes:3"]].concat();
    let p256 = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    for (command, found) in [
        (&p256[..], "1.2.840.10045.2.1"),
        (&["genpkey", "-algorithm", "ED25519"], "1.3.101.112"),
        (&["genpkey", "-algorithm", "X25519"], "1.3.101.110"),
        (&["dsaparam", "-genkey", "1024"], "1.2.840.10040.4.1"),
        (&rsa_pss, "1.2.840.113549.1.1.10"),
    ] {
        let key = generate(command);
        assert_eq!(parse_error(&key.public), PublicKeyError::Algorithm { found: found.to_owned() });
    }
}
