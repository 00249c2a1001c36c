//! Which token and key a URI selects, and the PIN.

use std::fs;

use veraid::KeyAlgorithm;
use veraid::issue::pkcs11::{Pkcs11Error, Pkcs11Signer, Pkcs11Uri};
use veraid::issue::{Signer as _, SigningError};

use crate::soft_hsm::{PIN, library, uri};
use crate::{key_uri, label, library_and_slot, path};

pub(crate) fn selects_one_key(test: &str) {
    let open = |uri: &str| Pkcs11Signer::open(&uri.parse().unwrap());
    let pin = path("pin");
    let token = label(test);
    let end = format!("module-path={}&pin-source=file:{}", library(), pin.display());
    for id in ["%01", "%02"] {
        let uri: Pkcs11Uri =
            format!("pkcs11:token={token};object=a;id={id}?{end}").parse().unwrap();
        Pkcs11Signer::generate(&uri, KeyAlgorithm::Rsa2048).unwrap();
    }
    let ids = [1, 2].map(|id| open(&format!("pkcs11:token={token};id=%0{id}?{end}")).unwrap());
    assert_ne!(ids[0].subject_public_key_info(), ids[1].subject_public_key_info());

    let ambiguous = open(&format!("pkcs11:token={token};object=a?{end}")).unwrap_err();
    assert!(matches!(ambiguous, Pkcs11Error::AmbiguousKey { found: 2, .. }), "{ambiguous}");
    let missing = open(&format!("pkcs11:token={token};object=b?{end}")).unwrap_err();
    assert!(matches!(missing, Pkcs11Error::KeyNotFound { .. }), "{missing}");
    let expected = format!("no private RSA key for pkcs11:token={token};object=b");
    assert_eq!(missing.to_string(), expected);
    assert!(!missing.is_retryable());

    let missing = open(&format!("pkcs11:token=none;object=a?{end}")).unwrap_err();
    assert!(matches!(missing, Pkcs11Error::TokenNotFound { .. }), "{missing}");
    assert!(missing.is_retryable(), "it may be plugged in later");
    let ambiguous = open(&format!("pkcs11:model=SoftHSM%20v2;object=a?{end}")).unwrap_err();
    assert!(matches!(ambiguous, Pkcs11Error::AmbiguousToken { .. }), "{ambiguous}");

    let without_pin = format!("pkcs11:token={token};object=a?module-path={}", library());
    let without_pin = open(&without_pin).unwrap_err();
    assert!(matches!(without_pin, Pkcs11Error::PinRequired), "{without_pin}");
    let no_file = open(&uri(token, "a", &path("none"))).unwrap_err();
    assert!(matches!(no_file, Pkcs11Error::PinSource { .. }), "{no_file}");
    let no_module = open("pkcs11:object=a?module-path=/nowhere/p11.so").unwrap_err();
    assert!(matches!(no_module, Pkcs11Error::Module { .. }), "{no_module}");
    let no_library = open("pkcs11:object=a?module-path=/etc/passwd").unwrap_err();
    assert!(matches!(no_library, Pkcs11Error::Module { .. }), "{no_library}");
}

pub(crate) fn does_not_repeat_a_rejected_pin(test: &str) {
    let pin = path("changing-pin");
    fs::write(&pin, PIN).unwrap();
    let uri: Pkcs11Uri = uri(label(test), "key", &pin).parse().unwrap();
    let signer = Pkcs11Signer::generate(&uri, KeyAlgorithm::Rsa2048).unwrap();
    let (library, slot) = library_and_slot(test);
    let is_count_low = || library.get_token_info(slot).unwrap().user_pin_count_low();
    let log_out = || library.open_ro_session(slot).unwrap().logout().unwrap();
    let reject = || {
        let error = signer.sign(b"").unwrap_err();
        assert!(!error.is_retryable(), "{error}");
        let SigningError::Signer(error) = error else { panic!("{error}") };
        let error: &Pkcs11Error = error.downcast_ref().unwrap();
        assert!(matches!(error, Pkcs11Error::PinRejected), "{error}");
        assert!(!error.to_string().contains("0000"));
    };

    fs::write(&pin, "0000\n").unwrap();
    log_out();
    assert!(!is_count_low());
    reject();
    assert!(is_count_low(), "the token has counted an attempt");
    // With the right PIN, the token starts counting again.
    Pkcs11Signer::open(&key_uri(test, "key")).unwrap();
    assert!(!is_count_low());
    reject();
    assert!(!is_count_low(), "the token has seen no further attempt");
    fs::write(&pin, PIN).unwrap();
    signer.sign(b"").unwrap();
}
