//! Checks that the index satisfies `vectors/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;

use crate::case::Case;
use crate::folder;

/// The folders that contain only files of the index.
const FOLDERS: [&str; 5] =
    ["token-bundle", "signature-bundle", "member-id-bundle", "authorization", "chain"];

#[derive(Deserialize)]
struct Rule {
    rule: String,
}

type Check = fn(&[Case]) -> Result<(), Failed>;

pub(crate) fn trials(cases: &[Case]) -> Vec<Trial> {
    let checks: [(&str, Check); 5] = [
        ("index_has_at_least_150_cases_of_either_outcome", has_enough_cases),
        ("index_has_unique_names", has_every_name_once),
        ("index_lists_exactly_the_existing_files", has_every_file),
        ("index_has_a_case_for_every_rule", has_every_rule),
        ("index_has_a_valid_twin_for_every_rejected_case", has_every_twin),
    ];
    let trial = |(name, check): (&str, Check)| {
        let cases = cases.to_vec();
        Trial::test(name, move || check(&cases))
    };
    checks.into_iter().map(trial).collect()
}

fn has_enough_cases(cases: &[Case]) -> Result<(), Failed> {
    let valid = cases.iter().filter(|case| case.expect == "valid").count();
    let rejected = cases.len() - valid;
    expect(valid >= 50 && rejected >= 100, || format!("{valid} valid and {rejected} rejected"))
}

fn has_every_name_once(cases: &[Case]) -> Result<(), Failed> {
    let mut names = BTreeSet::new();
    for case in cases {
        let is_kebab = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
        };
        expect(case.name.chars().all(is_kebab), || format!("{} is not in kebab case", case.name))?;
        expect(names.insert(&case.name), || format!("duplicate name {}", case.name))?;
    }
    Ok(())
}

fn has_every_file(cases: &[Case]) -> Result<(), Failed> {
    let mut listed = BTreeSet::new();
    for case in cases {
        listed.insert(case.file.clone());
        // A file has the name of the first of the cases that share it.
        let stem = case.file.rsplit('/').next().and_then(|name| name.split('.').next());
        let owner = stem.and_then(|stem| cases.iter().find(|other| other.name == stem));
        expect(owner.is_some_and(|owner| owner.file == case.file), || {
            format!("no case has the file {}", case.file)
        })?;
    }
    let mut present = BTreeSet::new();
    for name in FOLDERS {
        for entry in fs::read_dir(folder().join(name))? {
            present.insert(format!("{name}/{}", entry?.file_name().to_string_lossy()));
        }
    }
    let differ: Vec<_> = listed.symmetric_difference(&present).collect();
    expect(differ.is_empty(), || format!("{differ:?} are not both listed and present"))
}

fn has_every_rule(cases: &[Case]) -> Result<(), Failed> {
    let text = fs::read_to_string(folder().join("rules.jsonl"))?;
    let rules: Vec<Rule> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let rules: BTreeSet<_> = rules.iter().map(|rule| rule.rule.as_str()).collect();
    let used: BTreeSet<_> = cases.iter().map(|case| case.rule.as_str()).collect();
    let differ: Vec<_> = rules.symmetric_difference(&used).collect();
    expect(differ.is_empty(), || format!("{differ:?} are not both rules and in a case"))
}

/// A rejected case has another file than its twin for the same question, or another question for
/// the same file, with one difference.
fn has_every_twin(cases: &[Case]) -> Result<(), Failed> {
    let by_name: BTreeMap<_, _> = cases.iter().map(|case| (case.name.as_str(), case)).collect();
    for case in cases.iter().filter(|case| case.expect != "valid") {
        let twin = case.twin.as_deref().and_then(|name| by_name.get(name));
        let twin = twin.ok_or_else(|| format!("{} has no twin", case.name))?;
        expect(twin.expect == "valid", || format!("the twin of {} is rejected", case.name))?;
        expect(twin.kind == case.kind, || format!("the twin of {} is of another kind", case.name))?;
        expect(case.differs.len() == 1, || format!("{} differs in {:?}", case.name, case.differs))?;
        let (question, other) = (question(case), question(twin));
        let asked = question.iter().zip(&other).filter(|(field, other)| field != other).count();
        let changes = asked + usize::from(case.file != twin.file);
        expect(changes == 1, || format!("{} differs from its twin in {changes} ways", case.name))?;
    }
    Ok(())
}

fn question(case: &Case) -> [String; 9] {
    [
        format!("{:?}", case.at),
        format!("{:?}", case.during),
        format!("{:?}", case.trust_anchors),
        format!("{:?}", case.service),
        format!("{:?}", case.audience),
        format!("{:?}", case.owner),
        format!("{:?}", case.max_validity),
        format!("{:?}", case.min_modulus_bits),
        format!("{:?}", case.clock_skew),
    ]
}

fn expect(is_satisfied: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if is_satisfied { Ok(()) } else { Err(message().into()) }
}
