//! A JSON Web Token, verified by `jsonwebtoken` with its faster back-end, `aws-lc-rs`.

use std::hint::black_box;
use std::time::SystemTime;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::{AUDIENCE, PERMISSION, SUBJECT, expiry};

/// A token, with the key and the settings of its verification prepared.
pub(super) struct Token {
    text: String,
    key: DecodingKey,
    validation: Validation,
}

/// The length of the PKCS #8 header before an `RSAPrivateKey` of 2048 bits (RFC 5208, 5).
const PKCS8_HEADER: usize = 26;

#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    sub: String,
    aud: String,
    exp: u64,
    permission: String,
}

impl Token {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let (private, key) = match algorithm {
            Algorithm::RS256 => rsa(),
            Algorithm::ES256 => ecdsa(),
            other => panic!("unsupported algorithm {other:?}"),
        };
        let exp = expiry().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
        let claims = Claims {
            sub: SUBJECT.to_owned(),
            aud: AUDIENCE.to_owned(),
            exp: exp.as_secs(),
            permission: PERMISSION.to_owned(),
        };
        let text = encode(&Header::new(algorithm), &claims, &private).expect("a token");
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        Self { text, key, validation }
    }

    pub(super) fn verify(&self) -> Claims {
        let token = decode(black_box(&self.text), &self.key, &self.validation);
        token.expect("a valid token").claims
    }
}

impl Claims {
    pub(super) fn subject(&self) -> &str {
        &self.sub
    }
}

fn rsa() -> (EncodingKey, DecodingKey) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("an encoding");
    let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
    (EncodingKey::from_rsa_der(&private.as_ref()[PKCS8_HEADER..]), public)
}

fn ecdsa() -> (EncodingKey, DecodingKey) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let private = pair.to_pkcs8v1().expect("an encoding");
    let public = DecodingKey::from_ec_der(pair.public_key().as_ref());
    (EncodingKey::from_ec_der(private.as_ref()), public)
}
