//! The lines of the index; see `vectors/README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    TokenBundle,
    SignatureBundle,
    MemberIdBundle,
    Authorization,
    Chain,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) file: String,
    pub(crate) shows: String,
    pub(crate) rule: String,
    pub(crate) at: Option<String>,
    pub(crate) during: Option<Window>,
    pub(crate) trust_anchors: Vec<String>,
    pub(crate) service: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) max_validity: Option<u64>,
    pub(crate) min_modulus_bits: Option<usize>,
    pub(crate) clock_skew: Option<u64>,
    pub(crate) expect: String,
    code: Option<String>,
    subject: Option<String>,
    signer: Option<String>,
    claims: Option<BTreeMap<String, String>>,
    plaintext: Option<String>,
    zone: Option<String>,
    records: Option<Vec<Vec<String>>>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    pub(crate) twin: Option<String>,
    #[serde(default)]
    pub(crate) differs: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Window {
    pub(crate) start: String,
    pub(crate) end: String,
}

/// The expected or the actual result of a case, in the terms of the index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) expect: String,
    pub(crate) code: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) signer: Option<String>,
    pub(crate) claims: Option<BTreeMap<String, String>>,
    pub(crate) plaintext: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) records: Option<Vec<Vec<String>>>,
    pub(crate) valid_from: Option<String>,
    pub(crate) valid_until: Option<String>,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let index = std::fs::read_to_string(super::folder().join("index.jsonl")).expect("an index");
        let case = |line| serde_json::from_str(line).expect("a line of the index");
        index.lines().map(case).collect()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let mut records = self.records.clone();
        if let Some(records) = &mut records {
            records.sort();
        }
        Verdict {
            expect: self.expect.clone(),
            code: self.code.clone(),
            subject: self.subject.clone(),
            signer: self.signer.clone(),
            claims: self.claims.clone(),
            plaintext: self.plaintext.clone(),
            zone: self.zone.clone(),
            records,
            valid_from: self.valid_from.clone(),
            valid_until: self.valid_until.clone(),
        }
    }
}
