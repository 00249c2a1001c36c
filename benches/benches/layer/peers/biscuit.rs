//! A biscuit with the same contents, verified and authorised by `biscuit-auth`.

use std::hint::black_box;
use std::time::Duration;

use biscuit_auth::macros::{authorizer, biscuit};
use biscuit_auth::{AuthorizerLimits, Biscuit, KeyPair, PublicKey};

use super::{AUDIENCE, PERMISSION, SUBJECT, expiry};

pub(super) struct Token {
    text: String,
    key: PublicKey,
}

impl Token {
    pub(super) fn new() -> Self {
        let pair = KeyPair::new();
        let expiry = expiry();
        let builder = biscuit!(
            r#"
            subject({SUBJECT});
            audience({AUDIENCE});
            permission({PERMISSION});
            check if time($time), $time <= {expiry};
            "#
        );
        let token = builder.build(&pair).expect("a token");
        Self { text: token.to_base64().expect("an encoding"), key: pair.public() }
    }

    /// Verifies the token, and returns its subject.
    pub(super) fn authorize(&self) -> String {
        let token = Biscuit::from_base64(black_box(&self.text), self.key).expect("a valid token");
        let rules = authorizer!(
            r#"
            allow if audience({AUDIENCE}), permission({PERMISSION});
            "#
        );
        let mut authorizer =
            rules.time().set_limits(with_long_timeout()).build(&token).expect("rules");
        authorizer.authorize().expect("an allowed request");
        let query = "data($subject) <- subject($subject)";
        let (subject,) = authorizer.query_exactly_one(query).expect("one subject");
        subject
    }
}

/// The default limit of a millisecond is too short on a busy machine.
fn with_long_timeout() -> AuthorizerLimits {
    AuthorizerLimits { max_time: Duration::from_secs(1), ..AuthorizerLimits::default() }
}
