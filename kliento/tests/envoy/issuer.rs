//! Bundles of a member of a mock organisation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kliento::issue::{MemberIdBundle, TokenRequest};
use kliento::{MAX_BUNDLE_OCTETS, Period, SERVICE, Timestamp, Token, TokenBundle};
use veraid::testing::{MockEnvironment, MockMember};

/// The audiences of the service, of which the second is that of the routes below `/billing/`.
pub(crate) const AUDIENCES: [&str; 2] = ["https://api.example.com", "https://billing.example.com"];

/// The time of the service.
pub(crate) const NOW: &str = "2026-11-22T18:00:00Z";

/// The end of tokens.
pub(crate) const END: &str = "2026-11-22T18:30:00Z";

/// `carol@example.org`, and the bot of `example.org`.
pub(crate) struct Issuer {
    member: MockMember,
    bot: MockMember,
    pub(crate) trust_anchor: String,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let environment = MockEnvironment::new(period("17:00:00", "19:00:00")).unwrap();
        let organisation = environment.organisation("example.org").unwrap();
        let [member, bot] = [organisation.member("carol"), organisation.bot()].map(Result::unwrap);
        let trust_anchor = environment.trust_anchors().unwrap()[0].to_string();
        Self { member, bot, trust_anchor }
    }

    /// Returns the header's value for a valid token.
    pub(crate) fn valid(&self) -> String {
        self.valid_for(AUDIENCES[0])
    }

    pub(crate) fn valid_for(&self, audience: &str) -> String {
        let token = Token::new(audience).with_claim("role", "admin").with_claim("note", "été");
        self.sign(&token, period("17:55:00", "18:30:00")).unwrap().to_authorization()
    }

    /// Returns the header's value for a token of the organisation's bot, without claims.
    pub(crate) fn valid_for_bot(&self) -> String {
        let id = self.bot.id_bundle().unwrap();
        let id = MemberIdBundle::from_der(&id).unwrap();
        let token = Token::new(AUDIENCES[0]);
        let request = TokenRequest::new(&token, period("17:55:00", "18:30:00"));
        request.sign_by_member(&id, self.bot.key()).unwrap().to_authorization()
    }

    /// Returns credentials that the service rejects, with the codes of the problems.
    pub(crate) fn rejected(&self) -> Vec<(&'static str, Vec<String>)> {
        let token = Token::new(AUDIENCES[0]);
        let expired = self.sign(&token, period("17:30:00", "17:59:59")).unwrap();
        let valid = self.sign(&token, period("17:55:00", "18:30:00")).unwrap();
        let mut forged = valid.as_bytes().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let header = |octets: &[u8]| format!("Kliento {}", STANDARD.encode(octets));
        let too_large = self.sign_without_limit(MAX_BUNDLE_OCTETS + 1000);
        let valid = valid.to_authorization();
        let other = self.valid_for("https://other.example.com");
        vec![
            ("credentials_missing", vec![]),
            ("credentials_missing", vec!["Bearer abc".to_owned()]),
            ("credentials_malformed", vec!["Kliento AAAA".to_owned()]),
            ("credentials_malformed", vec![header(&too_large)]),
            ("credentials_malformed", vec![valid.clone(), valid.clone()]),
            ("credentials_malformed", vec![valid.clone(), other.clone()]),
            ("credentials_malformed", vec![format!("{valid}, {valid}")]),
            ("credentials_invalid", vec![expired.to_authorization()]),
            ("credentials_invalid", vec![header(&forged)]),
            ("credentials_invalid", vec![other]),
        ]
    }

    /// Returns the header's value for the largest bundle, and the length of its claim.
    pub(crate) fn largest(&self) -> (String, usize) {
        let sign = |padding| {
            let token = Token::new(AUDIENCES[0]).with_claim("padding", "x".repeat(padding));
            self.sign(&token, period("17:55:00", "18:30:00"))
        };
        let room = MAX_BUNDLE_OCTETS - sign(0).unwrap().as_bytes().len();
        // A longer claim lengthens DER length fields.
        let largest = (0..32).find_map(|less| Some((sign(room - less)?, room - less)));
        let (bundle, padding) = largest.unwrap();
        assert!(bundle.as_bytes().len() > MAX_BUNDLE_OCTETS - 8);
        (bundle.to_authorization(), padding)
    }

    fn sign(&self, token: &Token, period: Period) -> Option<TokenBundle> {
        let id = self.member.id_bundle().unwrap();
        let id = MemberIdBundle::from_der(&id).unwrap();
        TokenRequest::new(token, period).sign_by_member(&id, self.member.key()).ok()
    }

    fn sign_without_limit(&self, padding: usize) -> Vec<u8> {
        let token = Token::new(AUDIENCES[0]).with_claim("padding", "x".repeat(padding));
        let (service, period) = (SERVICE.parse().unwrap(), period("17:55:00", "18:30:00"));
        self.member.sign(token.to_json().as_bytes(), &service, period).unwrap()
    }
}

fn period(start: &str, end: &str) -> Period {
    let [start, end] =
        [start, end].map(|time| -> Timestamp { format!("2026-11-22T{time}Z").parse().unwrap() });
    Period::new(start, end).unwrap()
}
