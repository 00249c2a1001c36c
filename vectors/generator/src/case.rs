//! Cases: a file, the context of its verification, and the expected result.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::recipe::Recipe;

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) shows: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) twin: Option<&'static str>,
    pub(crate) recipe: Recipe,
    pub(crate) context: Context,
    pub(crate) outcome: Outcome,
    /// The paths at which the recipe or the context differs from the twin's.
    pub(crate) differs: Vec<String>,
}

/// The context of a verification.
#[derive(Clone, Serialize)]
pub(crate) struct Context {
    pub(crate) at: Option<String>,
    pub(crate) during: Option<Window>,
    pub(crate) trust_anchors: Vec<String>,
    pub(crate) service: Option<&'static str>,
    pub(crate) audience: Option<String>,
    /// The owner of the TXT records, for a chain alone.
    pub(crate) owner: Option<String>,
    /// In seconds.
    pub(crate) max_validity: Option<u64>,
    pub(crate) min_modulus_bits: Option<u64>,
    /// In seconds.
    pub(crate) clock_skew: Option<u64>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Window {
    pub(crate) start: String,
    pub(crate) end: String,
}

#[derive(Clone)]
pub(crate) enum Outcome {
    Valid(Box<Proof>),
    Invalid(&'static str),
    Malformed(&'static str),
}

/// The proof of a valid file.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Proof {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<BTreeMap<String, String>>,
    /// The plaintext of a signature that is not a token's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plaintext: Option<String>,
    /// The zone of a chain's records, and the character-strings of each record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) records: Option<Vec<Vec<String>>>,
    pub(crate) valid_from: String,
    pub(crate) valid_until: String,
}

impl Case {
    /// Returns the expected proof, for changes.
    pub(crate) fn proof(&mut self) -> &mut Proof {
        match &mut self.outcome {
            Outcome::Valid(proof) => proof,
            _ => panic!("the case is not valid"),
        }
    }

    pub(crate) fn set_at(&mut self, at: &str) {
        self.context.at = Some(at.to_owned());
    }

    pub(crate) fn set_subject(&mut self, subject: &str) {
        self.proof().subject = Some(subject.to_owned());
    }

    pub(crate) fn set_period(&mut self, from: &str, until: &str) {
        let proof = self.proof();
        (proof.valid_from, proof.valid_until) = (from.to_owned(), until.to_owned());
    }
}
