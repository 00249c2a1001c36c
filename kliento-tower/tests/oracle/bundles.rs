//! Random bundles: organisations under two roots, all kinds of signers, and altered octets.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use fastrand::Rng;
use http::HeaderValue;
use kliento_core::{Member, Period, SERVICE, Timestamp, Token};
use kliento_tower::TrustAnchors;
use veraid::testing::{MockEnvironment, MockMember};

/// The audiences of tokens.
pub(crate) const AUDIENCES: [&str; 4] =
    ["https://a.example", "https://b.example", "https://a.example/", "urn:c"];

/// The three hours of the tokens, in milliseconds.
const HOURS: Range<i64> = 1_795_305_600_000..1_795_316_400_000;

/// The generated bundles.
pub(crate) struct Bundles {
    pub(crate) credentials: Vec<HeaderValue>,
    /// The anchors of the first root, of the second, and of both.
    pub(crate) anchors: Vec<TrustAnchors>,
    /// The period of each token.
    pub(crate) periods: Vec<Period>,
}

impl Bundles {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let hours = Period::new(instant(HOURS.start), instant(HOURS.end)).unwrap();
        let environments =
            [MockEnvironment::new(hours).unwrap(), MockEnvironment::new(hours).unwrap()];
        let member = |environment: &MockEnvironment, organisation: &str, name: &str| {
            environment.organisation(organisation).unwrap().member(name).unwrap()
        };
        let members = [
            member(&environments[0], "one.example", "alice"),
            member(&environments[0], "two.example", "@"),
            member(&environments[1], "three.test", "bob"),
            // Each root has a member of this name; they are unrelated.
            member(&environments[1], "one.example", "alice"),
        ];
        let [first, second] = environments.map(|environment| environment.trust_anchors().unwrap());
        let both = TrustAnchors::new(first.iter().chain(&second).cloned());
        let anchors = vec![first.into(), second.into(), both];
        let mut bundles = Self { credentials: Vec::new(), anchors, periods: Vec::new() };
        for _ in 0..72 {
            let member = rng.choice(&members).unwrap();
            bundles.add(member, rng);
        }
        bundles
    }

    /// Adds a bundle, and at random another encoding and an altered copy of it.
    fn add(&mut self, member: &MockMember, rng: &mut Rng) {
        let period = period(rng);
        let octets = sign(member, &token(rng), period, rng);
        let mut forms = vec![credentials("Kliento ", &STANDARD.encode(&octets))];
        if rng.u8(..4) == 0 {
            forms.push(credentials("kliento   ", &STANDARD_NO_PAD.encode(&octets)));
        }
        if rng.u8(..3) == 0 {
            forms.push(credentials("Kliento ", &STANDARD.encode(alter(octets, rng))));
        }
        self.periods.extend(forms.iter().map(|_| period));
        self.credentials.extend(forms);
    }
}

fn instant(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

/// Returns up to 30 minutes within the hours, sometimes up to 75, with and without fractions.
fn period(rng: &mut Rng) -> Period {
    let unit = rng.choice([1, 1_000]).unwrap();
    let minutes = rng.choice([30, 30, 30, 75]).unwrap();
    let length = rng.i64(0..minutes * 60 * 1_000) / unit * unit;
    let start = rng.i64(HOURS.start..HOURS.end - length) / unit * unit;
    Period::new(instant(start), instant(start + length)).unwrap()
}

fn token(rng: &mut Rng) -> Token {
    let mut token = Token::new(*rng.choice(&AUDIENCES).unwrap());
    for number in 0..rng.usize(..4) {
        let value: String = std::iter::repeat_with(|| rng.char(..)).take(number * 9).collect();
        token = token.with_claim(format!("claim {number}"), value);
    }
    token
}

/// Signs as the member, or as the organisation on behalf of the member or of the bot.
fn sign(member: &MockMember, token: &Token, period: Period, rng: &mut Rng) -> Vec<u8> {
    let (json, service) = (token.to_json(), SERVICE.parse().unwrap());
    let organisation = member.organisation();
    let signed = match rng.u8(..4) {
        0 => organisation.sign(json.as_bytes(), member.member(), &service, period),
        1 => organisation.sign(json.as_bytes(), &Member::Bot, &service, period),
        _ => member.sign(json.as_bytes(), &service, period),
    };
    signed.unwrap()
}

/// Flips a bit, with a preference for the end, where the signatures are.
fn alter(mut octets: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    let start = if rng.bool() { 0 } else { octets.len() - 256 };
    let index = rng.usize(start..octets.len());
    octets[index] ^= 1 << rng.u8(..8);
    octets
}

fn credentials(scheme: &str, base64: &str) -> HeaderValue {
    HeaderValue::try_from(format!("{scheme}{base64}")).unwrap()
}
