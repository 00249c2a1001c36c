//! Chains that were recorded from the real DNS.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::case::{Case, Context, Outcome, Proof};
use crate::octets::{Octets, from_hex};
use crate::recipe::{Kind, Recipe};
use crate::suite::Suite;

/// A recorded chain, and the period in which all of its signatures are valid.
#[derive(Deserialize)]
struct Recorded {
    owner: String,
    valid_from: String,
    valid_until: String,
    zone: String,
    records: Vec<Vec<String>>,
    /// In hexadecimal.
    messages: Vec<String>,
}

/// The file of a chain, and the names of its cases.
struct Names {
    file: &'static str,
    secure: &'static str,
    last: &'static str,
    before: &'static str,
    after: &'static str,
    anchors: &'static str,
}

const CHAINS: [Names; 2] = [
    Names {
        file: "matoken.live",
        secure: "recorded-matoken-live",
        last: "recorded-matoken-live-last-second",
        before: "recorded-matoken-live-before",
        after: "recorded-matoken-live-after",
        anchors: "recorded-matoken-live-other-anchors",
    },
    Names {
        file: "mattcorallo.com",
        secure: "recorded-mattcorallo-com",
        last: "recorded-mattcorallo-com-last-second",
        before: "recorded-mattcorallo-com-before",
        after: "recorded-mattcorallo-com-after",
        anchors: "recorded-mattcorallo-com-other-anchors",
    },
];

/// Adds chains that are valid within their periods under IANA's anchors, and invalid otherwise.
pub(crate) fn add(suite: &mut Suite) {
    const RULE: &str = "chain-recorded";
    let other_anchor = Recipe::member_token().chain.anchor(0);
    for names in CHAINS {
        let recorded = Recorded::read(names.file);
        let (first, last) = (recorded.valid_from.clone(), recorded.valid_until.clone());
        let info = (
            names.secure,
            RULE,
            "A chain of the real DNS is secure in the first second of its validity.",
        );
        suite.base(info, recorded.recipe(), recorded.context(), recorded.outcome());
        let info = (
            names.last,
            RULE,
            "A chain of the real DNS is secure in the last second of its validity.",
        );
        suite.valid(names.secure, info, |case| case.set_at(&last));
        let info = (
            names.before,
            RULE,
            "A chain of the real DNS is not secure a second before its validity.",
        );
        suite.invalid(names.secure, info, "dnssec-time", |case| case.set_at(&shift(&first, -1)));
        let info = (
            names.after,
            RULE,
            "A chain of the real DNS is not secure a second after its validity.",
        );
        suite.invalid(names.secure, info, "dnssec-time", |case| case.set_at(&shift(&last, 1)));
        let info = (
            names.anchors,
            RULE,
            "A chain of the real DNS is not secure under another trust anchor.",
        );
        suite.invalid(names.secure, info, "dnssec-keys-untrusted", |case: &mut Case| {
            case.context.trust_anchors = vec![other_anchor.clone()];
        });
    }
}

impl Recorded {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../recorded/{name}.json"));
        let text = fs::read_to_string(path).expect("the recorded chain can be read");
        serde_json::from_str(&text).expect("the recorded chain is in its form")
    }

    fn recipe(&self) -> Recipe {
        let mut recipe = Recipe { kind: Kind::Chain, ..Recipe::member_token() };
        recipe.chain.messages.clear();
        recipe.chain.recorded =
            self.messages.iter().map(|digits| Octets(from_hex(digits))).collect();
        recipe
    }

    fn context(&self) -> Context {
        Context {
            at: Some(self.valid_from.clone()),
            during: None,
            trust_anchors: vec!["iana".to_owned()],
            service: None,
            audience: None,
            owner: Some(self.owner.clone()),
            max_validity: None,
            min_modulus_bits: None,
            clock_skew: None,
        }
    }

    fn outcome(&self) -> Outcome {
        Outcome::Valid(Box::new(Proof {
            zone: Some(self.zone.clone()),
            records: Some(self.records.clone()),
            valid_from: self.valid_from.clone(),
            valid_until: self.valid_until.clone(),
            ..Proof::default()
        }))
    }
}

fn shift(instant: &str, seconds: i64) -> String {
    let instant: jiff::Timestamp = instant.parse().expect("an instant");
    let shift = instant.checked_add(jiff::SignedDuration::from_secs(seconds));
    shift.expect("within the calendar").to_string()
}
