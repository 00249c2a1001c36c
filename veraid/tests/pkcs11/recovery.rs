//! Tokens that are lost and come back.

use std::fs;
use std::path::PathBuf;

use veraid::issue::pkcs11::{Pkcs11Error, Pkcs11Signer};
use veraid::issue::{OrganisationCertificate, Signer as _, SigningError};
use veraid::{KeyAlgorithm, Period};

use crate::{key_uri, library_and_slot, path};

/// The test whose token stays.
const OTHER: &str = "recovers_from_a_logout";

pub(crate) fn from_a_logout(test: &str) {
    let signer = Pkcs11Signer::generate(&key_uri(test, "key"), KeyAlgorithm::Rsa2048).unwrap();
    signer.sign(b"").unwrap();
    let (library, slot) = library_and_slot(test);
    // It is for all sessions of the process.
    library.open_ro_session(slot).unwrap().logout().unwrap();
    signer.sign(b"").unwrap();
}

/// As another part of the process may do, or a library that has lost its connection.
pub(crate) fn from_a_finalised_library(test: &str) {
    let signer = Pkcs11Signer::generate(&key_uri(test, "key"), KeyAlgorithm::Rsa2048).unwrap();
    signer.sign(b"").unwrap();
    let (library, _) = library_and_slot(test);
    library.finalize().unwrap();
    signer.sign(b"").unwrap();
}

pub(crate) fn when_the_token_is_back(test: &str) {
    let signer = Pkcs11Signer::generate(&key_uri(test, "key"), KeyAlgorithm::Rsa2048).unwrap();
    signer.sign(b"").unwrap();
    let (library, slot) = library_and_slot(test);
    let serial = library.get_token_info(slot).unwrap().serial_number().to_owned();
    let (token, elsewhere) = (folder_of_token(&serial), path("elsewhere"));

    // Another key of the same library, whose sessions end when the library looks for the token.
    let other = Pkcs11Signer::generate(&key_uri(OTHER, "other"), KeyAlgorithm::Rsa2048).unwrap();

    fs::rename(&token, &elsewhere).unwrap();
    for _ in 0..2 {
        let error = signer.sign(b"").unwrap_err();
        assert!(error.is_retryable(), "{error}");
        let SigningError::Unavailable(error) = error else { panic!("{error}") };
        let error: &Pkcs11Error = error.downcast_ref().unwrap();
        assert!(matches!(error, Pkcs11Error::TokenNotFound { .. }), "{error}");
        certify(&other);
    }
    fs::rename(&elsewhere, &token).unwrap();
    certify(&signer);
    certify(&other);
}

/// Signs, and verifies that the key is the signer's.
fn certify(signer: &Pkcs11Signer) {
    let (name, key) = ("example.com".parse().unwrap(), signer.subject_public_key_info());
    let period = Period::at("2026-11-22T18:00:00Z".parse().unwrap());
    let unsigned = OrganisationCertificate::prepare(&name, key, signer.hash(), period).unwrap();
    unsigned.sign(signer).unwrap();
}

/// The name of a token's folder ends with its serial number.
fn folder_of_token(serial: &str) -> PathBuf {
    let folders = fs::read_dir(path("tokens")).unwrap().map(|entry| entry.unwrap().path());
    let is_token = |folder: &PathBuf| {
        let name: String =
            folder.display().to_string().chars().filter(|char| *char != '-').collect();
        name.ends_with(serial)
    };
    folders.into_iter().find(is_token).unwrap()
}
