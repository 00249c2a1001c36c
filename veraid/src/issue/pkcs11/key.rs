//! Key pairs in a token.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::super::{KeyError, PublicKey};
use super::{Pkcs11Error, Pkcs11Uri};
use crate::KeyAlgorithm;
use crate::cert::RSA_ENCRYPTION;
use crate::crypto::random_octets;
use crate::der::Tag;
use crate::der::writer::{bit_string, encode, integer, object_identifier};

/// 65537, as for keys in PEM.
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];

/// Returns the only private RSA key that the URI selects.
pub(super) fn find_private_key(
    session: &Session,
    uri: &Pkcs11Uri,
) -> Result<ObjectHandle, Pkcs11Error> {
    let keys = find_objects(session, &template(uri, ObjectClass::PRIVATE_KEY))?;
    match keys.as_slice() {
        [key] => Ok(*key),
        [] => Err(Pkcs11Error::KeyNotFound { uri: uri.to_string() }),
        keys => Err(Pkcs11Error::AmbiguousKey { uri: uri.to_string(), found: keys.len() }),
    }
}

/// Returns the public key of a private key: tokens keep its numbers with the private key, with a
/// public key of the same id, or with both.
pub(super) fn read_public_key(
    session: &Session,
    uri: &Pkcs11Uri,
    private_key: ObjectHandle,
) -> Result<PublicKey, Pkcs11Error> {
    if let Some(key) = read_numbers(session, private_key)? {
        return Ok(PublicKey::from_der(key)?);
    }
    let mut wanted = template(uri, ObjectClass::PUBLIC_KEY);
    let ids = get_attributes(session, private_key, &[AttributeType::Id])?;
    wanted.extend(ids.into_iter().filter(|id| uri.id.is_none() && *id != Attribute::Id(vec![])));
    for key in find_objects(session, &wanted)? {
        if let Some(key) = read_numbers(session, key)? {
            return Ok(PublicKey::from_der(key)?);
        }
    }
    Err(Pkcs11Error::NoPublicKey { uri: uri.to_string() })
}

/// Generates a key pair whose private key never leaves the token.
pub(super) fn generate_key_pair(
    session: &Session,
    uri: &Pkcs11Uri,
    algorithm: KeyAlgorithm,
) -> Result<(), Pkcs11Error> {
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        if !find_objects(session, &template(uri, class))?.is_empty() {
            return Err(Pkcs11Error::KeyExists { uri: uri.to_string() });
        }
    }
    let id = match &uri.id {
        Some(id) => id.clone(),
        None => random_octets::<16>().ok_or(KeyError::Generation)?.to_vec(),
    };
    let named = || {
        let label = uri.object.iter().map(|label| Attribute::Label(label.clone().into_bytes()));
        label.chain([Attribute::Token(true), Attribute::Id(id.clone())])
    };
    let bits: u16 = match algorithm {
        KeyAlgorithm::Rsa2048 => 2048,
        KeyAlgorithm::Rsa3072 => 3072,
        KeyAlgorithm::Rsa4096 => 4096,
    };
    let public = named().chain([
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::ModulusBits(u64::from(bits).into()),
        Attribute::PublicExponent(PUBLIC_EXPONENT.to_vec()),
    ]);
    let private = named().chain([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    let (public, private): (Vec<_>, Vec<_>) = (public.collect(), private.collect());
    session
        .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
        .map_err(Pkcs11Error::call)?;
    Ok(())
}

fn template(uri: &Pkcs11Uri, class: ObjectClass) -> Vec<Attribute> {
    let label = uri.object.iter().map(|label| Attribute::Label(label.clone().into_bytes()));
    let id = uri.id.iter().map(|id| Attribute::Id(id.clone()));
    let kind = [Attribute::Class(class), Attribute::KeyType(KeyType::RSA)];
    kind.into_iter().chain(label).chain(id).collect()
}

fn find_objects(
    session: &Session,
    template: &[Attribute],
) -> Result<Vec<ObjectHandle>, Pkcs11Error> {
    session.find_objects(template).map_err(Pkcs11Error::call)
}

fn get_attributes(
    session: &Session,
    object: ObjectHandle,
    types: &[AttributeType],
) -> Result<Vec<Attribute>, Pkcs11Error> {
    session.get_attributes(object, types).map_err(Pkcs11Error::call)
}

/// Returns the `SubjectPublicKeyInfo` of an object that has the modulus and the exponent.
fn read_numbers(session: &Session, key: ObjectHandle) -> Result<Option<Vec<u8>>, Pkcs11Error> {
    let (mut modulus, mut exponent) = (None, None);
    let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
    for attribute in get_attributes(session, key, &wanted)? {
        match attribute {
            Attribute::Modulus(number) => modulus = Some(number),
            Attribute::PublicExponent(number) => exponent = Some(number),
            _ => {}
        }
    }
    let numbers = modulus.zip(exponent);
    let numbers = numbers.filter(|(modulus, exponent)| !modulus.is_empty() && !exponent.is_empty());
    Ok(numbers.map(|(modulus, exponent)| subject_public_key_info(&modulus, &exponent)))
}

/// RFC 8017, A.1, and RFC 3279, 2.3.1.
fn subject_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let algorithm =
        encode(Tag::SEQUENCE, &[&object_identifier(RSA_ENCRYPTION), &encode(Tag::NULL, &[])]);
    let key = encode(Tag::SEQUENCE, &[&integer(modulus), &integer(exponent)]);
    encode(Tag::SEQUENCE, &[&algorithm, &bit_string(&key)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{RsaSigner, Signer as _};

    #[test]
    fn encodes_public_keys_as_for_keys_in_memory() {
        let signer = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
        let expected = signer.subject_public_key_info();
        // The modulus of 256 octets is before the exponent, `02 03 01 00 01`.
        let modulus = &expected[expected.len() - 5 - 256..expected.len() - 5];
        let encoded = subject_public_key_info(modulus, &PUBLIC_EXPONENT);
        assert_eq!(encoded, expected);
        assert_eq!(subject_public_key_info(&[&[0], modulus].concat(), &[0, 1, 0, 1]), expected);
    }
}
