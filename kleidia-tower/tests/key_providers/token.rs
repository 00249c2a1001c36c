//! Tokens that are signed and verified with the keys that a provider has now.

use jsonwebtoken::decode_header;
use kleidia_tower::access_token::{Claims, KeyProvider, issue, verify};
use secrecy::ExposeSecret as _;

const NOW: i64 = 1_795_370_580;

/// Signs a token; gives the name of the key, and the token.
pub(crate) fn sign(keys: &dyn KeyProvider) -> (String, String) {
    let claims = Claims::new(7, "alice".to_owned(), false, 11, NOW, 1800).unwrap();
    let issued = issue(&keys.current().unwrap(), claims).unwrap();
    let token = issued.token.expose_secret().to_owned();
    (decode_header(&token).unwrap().kid.unwrap(), token)
}

pub(crate) fn is_good(keys: &dyn KeyProvider, token: &str) -> bool {
    verify(&keys.current().unwrap(), token, NOW, 0).is_ok()
}
