//! Tokens that are signed and verified with the current keys of a provider.

use std::time::Duration;

use jsonwebtoken::decode_header;
use kleidia_tower::access_token::{Claims, KeyProvider, issue, verify};
use kleidia_tower::{SessionId, Timestamp, UserId};
use secrecy::ExposeSecret as _;

const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);

/// Signs a token, and returns the ID of the key and the token.
pub(crate) fn sign(keys: &dyn KeyProvider) -> (String, String) {
    let (user, session) = (UserId::new(7), SessionId::new(11));
    let claims =
        Claims::new(user, "alice".to_owned(), false, session, NOW, Duration::from_secs(1800))
            .unwrap();
    let issued = issue(&keys.try_current().unwrap(), claims).unwrap();
    let token = issued.token.expose_secret().to_owned();
    (decode_header(&token).unwrap().kid.unwrap(), token)
}

pub(crate) fn is_valid(keys: &dyn KeyProvider, token: &str) -> bool {
    verify(&keys.try_current().unwrap(), token, NOW, Duration::ZERO).is_ok()
}
