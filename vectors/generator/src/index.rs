//! The files and their index.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::case::{Case, Outcome, Proof, Window};
use crate::recipe::Kind;
use crate::rules::RULES;
use crate::suite::Suite;

/// One line of the index.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    kind: Kind,
    file: String,
    shows: &'a str,
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    during: Option<&'a Window>,
    trust_anchors: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_validity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_modulus_bits: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skew: Option<u64>,
    expect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(flatten)]
    proof: Option<&'a Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    twin: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    differs: &'a [String],
}

/// Returns all files, by their path below `vectors/`.
pub(crate) fn files(suite: &Suite) -> BTreeMap<String, Vec<u8>> {
    check_rules(suite);
    let mut files = BTreeMap::new();
    let mut paths: BTreeMap<&str, String> = BTreeMap::new();
    let mut index = String::new();
    for case in &suite.cases {
        // A case with another context than its twin's may share the twin's file.
        let shared =
            case.twin.filter(|_| case.differs.iter().all(|path| path.starts_with("context.")));
        let path = shared.map_or_else(|| path(case), |twin| paths[twin].clone());
        let line = serde_json::to_string(&line(case, path.clone())).expect("text and numbers");
        index.extend([line.as_str(), "\n"]);
        if shared.is_none() {
            let octets = case.recipe.octets();
            let twin = case.twin.map(|twin| &files[&paths[twin]]);
            assert!(twin != Some(&octets), "the change in {} has no effect", case.name);
            files.insert(path.clone(), octets);
        }
        paths.insert(case.name, path);
    }
    files.insert("index.jsonl".to_owned(), index.into_bytes());
    files.insert("rules.jsonl".to_owned(), rules().into_bytes());
    files
}

fn path(case: &Case) -> String {
    let (folder, extension) = match case.recipe.kind {
        Kind::TokenBundle => ("token-bundle", "bin"),
        Kind::SignatureBundle => ("signature-bundle", "bin"),
        Kind::MemberIdBundle => ("member-id-bundle", "bin"),
        Kind::Authorization => ("authorization", "txt"),
        Kind::Chain => ("chain", "der"),
    };
    format!("{folder}/{}.{extension}", case.name)
}

fn line(case: &Case, file: String) -> Line<'_> {
    let (expect, code, proof) = match &case.outcome {
        Outcome::Valid(proof) => ("valid", None, Some(proof.as_ref())),
        Outcome::Invalid(code) => ("invalid", Some(*code), None),
        Outcome::Malformed(code) => ("malformed", Some(*code), None),
    };
    let context = &case.context;
    Line {
        name: case.name,
        kind: case.recipe.kind,
        file,
        shows: case.shows,
        rule: case.rule,
        at: context.at.as_deref(),
        during: context.during.as_ref(),
        trust_anchors: &context.trust_anchors,
        service: context.service,
        audience: context.audience.as_deref(),
        owner: context.owner.as_deref(),
        max_validity: context.max_validity,
        min_modulus_bits: context.min_modulus_bits,
        clock_skew: context.clock_skew,
        expect,
        code,
        proof,
        twin: case.twin,
        differs: &case.differs,
    }
}

/// Checks that every case has a rule, and every rule has cases.
fn check_rules(suite: &Suite) {
    for case in &suite.cases {
        assert!(RULES.iter().any(|rule| rule.name == case.rule), "unknown rule in {}", case.name);
    }
    for rule in RULES {
        assert!(suite.cases.iter().any(|case| case.rule == rule.name), "{} has no case", rule.name);
    }
}

fn rules() -> String {
    let line = |rule| serde_json::to_string(rule).expect("text") + "\n";
    RULES.iter().map(line).collect()
}
