//! What keys do, and what they don't tell.

use kleidia_tower::agent::{AgentKey, AgentPublicKey, DecryptionError, EncryptionError};
use secrecy::ExposeSecret as _;

use crate::AGENT;

const SECRET: &[u8] = b"PUK 73519264";

#[test]
fn what_is_encrypted_is_decrypted() {
    for length in [0, 1, 32, AgentPublicKey::MAX_PLAINTEXT_OCTETS] {
        let plaintext = vec![7; length];
        let ciphertext = AGENT.public_key().encrypt(&plaintext).unwrap();
        assert_eq!(ciphertext.len(), 512);
        assert_eq!(AGENT.decrypt(&ciphertext).unwrap().expose_secret(), plaintext);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(AgentPublicKey::MAX_PLAINTEXT_OCTETS, 446);
    for octets in [447, 512, 100_000] {
        let refused = AGENT.public_key().encrypt(&vec![7; octets]);
        assert_eq!(refused, Err(EncryptionError::TooLong { octets }));
    }
}

#[test]
fn a_plaintext_is_never_encrypted_to_the_same_twice() {
    let encrypt = || AGENT.public_key().encrypt(SECRET).unwrap();
    assert_ne!(encrypt(), encrypt());
}

/// That it runs elsewhere is seen in that this thread, which is the only one of the runtime, goes on.
#[tokio::test]
async fn each_key_is_another_and_is_made_off_the_workers() {
    let made = tokio::spawn(AgentKey::generate());
    tokio::task::yield_now().await;
    assert!(!made.is_finished());
    let other = made.await.unwrap().unwrap();
    assert_ne!(other.public_key(), AGENT.public_key());
    assert_ne!(other.public_key().fingerprint(), AGENT.public_key().fingerprint());
    let ciphertext = other.public_key().encrypt(SECRET).unwrap();
    assert_eq!(AGENT.decrypt(&ciphertext).unwrap_err(), DecryptionError);
    assert_eq!(other.decrypt(&ciphertext).unwrap().expose_secret(), SECRET);
}

#[test]
fn a_key_has_one_text() {
    let key = AGENT.public_key();
    let pem = key.to_pem();
    assert_eq!(pem.len(), 800);
    for variant in [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        pem.trim_end().to_owned(),
        format!("{pem}\n \r\n\t"),
    ] {
        let read: AgentPublicKey = variant.parse().unwrap();
        assert_eq!((&read, read.to_pem()), (key, pem.clone()));
    }
}

#[test]
fn debug_tells_no_secrets() {
    let key = AGENT.public_key();
    assert_eq!(format!("{:?}", *AGENT), "AgentKey { .. }");
    assert_eq!(format!("{key:?}"), format!("AgentPublicKey({})", key.fingerprint()));
    let decrypted = AGENT.decrypt(&key.encrypt(SECRET).unwrap()).unwrap();
    assert_eq!(decrypted.expose_secret(), SECRET);
    assert!(!format!("{decrypted:?}").contains("7351"), "{decrypted:?}");
    assert!(!format!("{decrypted:?}").contains("55, 51, 53"), "{decrypted:?}");
}
