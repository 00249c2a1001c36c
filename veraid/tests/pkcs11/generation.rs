//! Keys that tokens generate.

use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use veraid::KeyAlgorithm;
use veraid::issue::Signer as _;
use veraid::issue::pkcs11::{Pkcs11Error, Pkcs11Signer};

use crate::soft_hsm::PIN;
use crate::{key_uri, library_and_slot};

pub(crate) fn never_leaves(test: &str) {
    Pkcs11Signer::generate(&key_uri(test, "key"), KeyAlgorithm::Rsa2048).unwrap();
    let (library, slot) = library_and_slot(test);
    let session = library.open_ro_session(slot).unwrap();
    let _ = session.login(UserType::User, Some(&AuthPin::new(PIN.into())));
    let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap();
    let [key] = keys[..] else { panic!("{keys:?}") };
    let expected = [
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::AlwaysSensitive(true),
        Attribute::NeverExtractable(true),
        Attribute::Local(true),
        Attribute::Private(true),
        Attribute::Token(true),
    ];
    let types: Vec<_> = expected.iter().map(Attribute::attribute_type).collect();
    assert_eq!(session.get_attributes(key, &types).unwrap(), expected);
    let secret = [AttributeType::PrivateExponent, AttributeType::Prime1, AttributeType::Prime2];
    assert_eq!(session.get_attributes(key, &secret).unwrap(), []);
}

pub(crate) fn does_not_replace(test: &str) {
    let uri = key_uri(test, "key");
    let first = Pkcs11Signer::generate(&uri, KeyAlgorithm::Rsa2048).unwrap();
    let again = Pkcs11Signer::generate(&uri, KeyAlgorithm::Rsa2048);
    assert!(matches!(again, Err(Pkcs11Error::KeyExists { .. })), "{again:?}");
    let opened = Pkcs11Signer::open(&uri).unwrap();
    assert_eq!(opened.subject_public_key_info(), first.subject_public_key_info());
}
