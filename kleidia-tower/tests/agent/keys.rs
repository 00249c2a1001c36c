//! Encryption, decryption, canonical text and `Debug` of keys.

use kleidia_tower::agent::{AgentKey, AgentPublicKey, DecryptionError, EncryptionError};
use secrecy::ExposeSecret as _;

use crate::AGENT;

const SECRET: &[u8] = b"PUK 73519264";

#[test]
fn decrypts_what_was_encrypted() {
    for length in [0, 1, 32, AgentPublicKey::MAX_PLAINTEXT_OCTETS] {
        let plaintext = vec![7; length];
        let ciphertext = AGENT.public_key().encrypt(&plaintext).unwrap();
        assert_eq!(ciphertext.len(), 512);
        assert_eq!(AGENT.decrypt(&ciphertext).unwrap().expose_secret(), plaintext);
    }
}

#[test]
fn rejects_too_long_plaintext() {
    assert_eq!(AgentPublicKey::MAX_PLAINTEXT_OCTETS, 446);
    for octets in [447, 512, 100_000] {
        let encrypted = AGENT.public_key().encrypt(&vec![7; octets]);
        assert_eq!(encrypted, Err(EncryptionError::TooLong { octets }));
    }
}

#[test]
fn ciphertexts_of_one_plaintext_differ() {
    let encrypt = || AGENT.public_key().encrypt(SECRET).unwrap();
    assert_ne!(encrypt(), encrypt());
}

/// The runtime has a single thread, which keeps running: so generation runs on another one.
#[tokio::test]
async fn generates_distinct_keys_off_the_workers() {
    let task = tokio::spawn(AgentKey::generate());
    tokio::task::yield_now().await;
    assert!(!task.is_finished());
    let other = task.await.unwrap().unwrap();
    assert_ne!(other.public_key(), AGENT.public_key());
    assert_ne!(other.public_key().fingerprint(), AGENT.public_key().fingerprint());
    let ciphertext = other.public_key().encrypt(SECRET).unwrap();
    assert_eq!(AGENT.decrypt(&ciphertext).unwrap_err(), DecryptionError);
    assert_eq!(other.decrypt(&ciphertext).unwrap().expose_secret(), SECRET);
}

#[test]
fn equal_keys_have_equal_texts() {
    let key = AGENT.public_key();
    let pem = key.to_pem();
    assert_eq!(pem.len(), 800);
    for variant in [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        pem.trim_end().to_owned(),
        format!("{pem}\n \r\n\t"),
    ] {
        let parsed: AgentPublicKey = variant.parse().unwrap();
        assert_eq!((&parsed, parsed.to_pem()), (key, pem.clone()));
    }
}

#[test]
fn debug_output_contains_no_secret() {
    let key = AGENT.public_key();
    assert_eq!(format!("{:?}", *AGENT), "AgentKey { .. }");
    assert_eq!(format!("{key:?}"), format!("AgentPublicKey({})", key.fingerprint()));
    let decrypted = AGENT.decrypt(&key.encrypt(SECRET).unwrap()).unwrap();
    assert_eq!(decrypted.expose_secret(), SECRET);
    assert!(!format!("{decrypted:?}").contains("7351"), "{decrypted:?}");
    assert!(!format!("{decrypted:?}").contains("55, 51, 53"), "{decrypted:?}");
}
