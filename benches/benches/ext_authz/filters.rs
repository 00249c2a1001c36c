//! The filters that authenticate, and their credentials.

use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

/// Asks `kliento serve`, as the documentation configures it.
pub(crate) const EXT_AUTHZ: &str = "\
- name: envoy.filters.http.ext_authz
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: { envoy_grpc: { cluster_name: kliento }, timeout: 2s }
              encode_raw_headers: true";

/// The length of the PKCS #8 header before an `RSAPrivateKey` of 2048 bits (RFC 5208, 5).
const PKCS8_HEADER: usize = 26;

/// Envoy's own filter for JSON Web Tokens, and the value of an `Authorization` header that it
/// accepts. The key is in the configuration, so Envoy fetches nothing.
pub(crate) fn jwt_authn() -> (String, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("an encoding");
    let key = EncodingKey::from_rsa_der(&private.as_ref()[PKCS8_HEADER..]);
    let jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).expect("a public key");
    let keys = serde_json::to_string(&JwkSet { keys: vec![jwk] }).expect("keys in JSON");
    let end = SystemTime::now() + Duration::from_secs(3600);
    let end = end.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    let claims = json!({
        "iss": "https://issuer.example.com",
        "sub": "alice@example.com",
        "aud": "https://api.example.com",
        "exp": end.as_secs(),
        "permission": "read-only",
    });
    let token = encode(&Header::new(Algorithm::RS256), &claims, &key).expect("a token");
    let filter = format!(
        "\
- name: envoy.filters.http.jwt_authn
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                issuer:
                  issuer: https://issuer.example.com
                  audiences: [https://api.example.com]
                  local_jwks: {{ inline_string: '{keys}' }}
                  payload_in_metadata: payload
              rules:
              - match: {{ prefix: / }}
                requires: {{ provider_name: issuer }}"
    );
    (filter, format!("Bearer {token}"))
}
