//! OpenSSL and this crate decrypt each other's ciphertexts if the padding matches.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use kleidia_tower::agent::{AgentPublicKey, DecryptionError};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::AGENT;

const OAEP: [&str; 6] = [
    "-pkeyopt",
    "rsa_padding_mode:oaep",
    "-pkeyopt",
    "rsa_oaep_md:sha256",
    "-pkeyopt",
    "rsa_mgf1_md:sha256",
];

/// A private key of OpenSSL in PEM, shared by all tests.
static PRIVATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let options = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"];
    openssl(directory.path(), &[&options[..], &["-out", "private.pem"]].concat());
    fs::read(directory.path().join("private.pem")).unwrap()
});

/// Runs `openssl`, which must be installed.
pub(crate) fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output();
    let output = output.expect("this test needs the `openssl` command: apt-get install openssl");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {stderr}");
}

/// Creates a temporary directory with these files.
fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// Encrypts with OpenSSL to the key of the agent.
fn encrypt_with_openssl(plaintext: &[u8], options: &[&str]) -> Vec<u8> {
    let pem = AGENT.public_key().to_pem();
    let directory = directory(&[("public.pem", pem.as_bytes()), ("plain", plaintext)]);
    let encrypt = ["pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem"];
    let files = ["-in", "plain", "-out", "cipher"];
    openssl(directory.path(), &[&encrypt[..], &files, options].concat());
    fs::read(directory.path().join("cipher")).unwrap()
}

#[test]
fn openssl_decrypts_our_ciphertexts() {
    let directory = directory(&[("private.pem", &PRIVATE)]);
    openssl(directory.path(), &["pkey", "-in", "private.pem", "-pubout", "-out", "public.pem"]);
    let public = fs::read_to_string(directory.path().join("public.pem")).unwrap();
    let key: AgentPublicKey = public.parse().unwrap();
    assert_eq!(key.to_pem(), public);
    for plaintext in [&b"x"[..], b"PUK 73519264", &[0; 446]] {
        fs::write(directory.path().join("cipher"), key.encrypt(plaintext).unwrap()).unwrap();
        let decrypt = ["pkeyutl", "-decrypt", "-inkey", "private.pem"];
        let files = ["-in", "cipher", "-out", "plain"];
        openssl(directory.path(), &[&decrypt[..], &files, &OAEP].concat());
        assert_eq!(fs::read(directory.path().join("plain")).unwrap(), plaintext);
    }
}

#[test]
fn decrypts_ciphertexts_of_openssl() {
    for plaintext in [&b"x"[..], b"PUK 73519264", &[0; 446]] {
        let ciphertext = encrypt_with_openssl(plaintext, &OAEP);
        assert_eq!(AGENT.decrypt(&ciphertext).unwrap().expose_secret(), plaintext);
    }
}

#[test]
fn rejects_other_padding_digest_or_label() {
    let [option, oaep, _, sha256, _, mgf1] = OAEP;
    for options in [
        &[option, "rsa_padding_mode:pkcs1"][..],
        &[option, "rsa_padding_mode:oaep"],
        &[option, oaep, option, sha256, option, "rsa_mgf1_md:sha1"],
        &[option, oaep, option, "rsa_oaep_md:sha1", option, mgf1],
        &[option, oaep, option, "rsa_oaep_md:sha512", option, "rsa_mgf1_md:sha512"],
        &[option, oaep, option, sha256, option, mgf1, option, "rsa_oaep_label:00"],
    ] {
        let ciphertext = encrypt_with_openssl(b"PUK 73519264", options);
        assert_eq!(AGENT.decrypt(&ciphertext).unwrap_err(), DecryptionError, "{options:?}");
    }
}

#[test]
fn openssl_computes_the_same_fingerprint() {
    let pem = AGENT.public_key().to_pem();
    let directory = directory(&[("public.pem", pem.as_bytes())]);
    let read = ["pkey", "-pubin", "-in", "public.pem"];
    openssl(directory.path(), &[&read[..], &["-pubcheck", "-noout"]].concat());
    let der = ["-outform", "DER", "-out", "public.der"];
    openssl(directory.path(), &[&read[..], &der].concat());
    let digest = ["dgst", "-sha256", "-binary", "-out", "digest", "public.der"];
    openssl(directory.path(), &digest);
    let digest = BASE64_STANDARD_NO_PAD.encode(fs::read(directory.path().join("digest")).unwrap());
    assert_eq!(AGENT.public_key().fingerprint(), format!("SHA256:{digest}"));
}
