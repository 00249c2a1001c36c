//! Verifies bundles of the JavaScript reference, made in the same run: `cargo xtask interop`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kliento_core::{Error, Timestamp, TokenBundle, TokenVerification, TrustAnchor};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use veraid::{MemberIdBundle, ObjectIdentifier, Verification};

/// The folder with the output of `interop/produce.mjs`.
const DIRECTORY: &str = "KLIENTO_INTEROP_DIRECTORY";
/// The service that the reference has for tests.
const TEST_SERVICE: &str = "1.3.6.1.4.1.58708.1.1";

/// A line of the index; see `interop/README.md`.
#[derive(Deserialize)]
struct Case {
    name: String,
    kind: Option<String>,
    audience: Option<String>,
    at: String,
    trust_anchors: Vec<String>,
    subject: Option<String>,
    claims: Option<BTreeMap<String, String>>,
    signer: Option<String>,
    expect: String,
}

/// The result of a verification, in the terms of the index.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: String,
    subject: Option<String>,
    claims: Option<BTreeMap<String, String>>,
    signer: Option<String>,
}

fn main() -> Result<ExitCode, Failed> {
    let arguments = Arguments::from_args();
    let trials = match std::env::var_os(DIRECTORY) {
        Some(directory) => trials(&PathBuf::from(directory))?,
        None => vec![Trial::test("run_cargo_xtask_interop", || Ok(())).with_ignored_flag(true)],
    };
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trials(directory: &Path) -> Result<Vec<Trial>, Failed> {
    let index = std::fs::read(directory.join("index.json"))?;
    let cases: Vec<Case> = serde_json::from_slice(&index)?;
    if cases.len() < 200 {
        return Err(format!("the index has only {} cases", cases.len()).into());
    }
    let trial = |case: Case| {
        let file = directory.join(format!("{}.bin", case.name));
        Trial::test(case.name.clone(), move || check(&case, &file))
    };
    Ok(cases.into_iter().map(trial).collect())
}

fn check(case: &Case, file: &Path) -> Result<(), Failed> {
    let octets = std::fs::read(file)?;
    let anchors: Vec<TrustAnchor> =
        case.trust_anchors.iter().map(|anchor| anchor.parse()).collect::<Result<_, _>>()?;
    let at = case.at.parse()?;
    let (outcome, detail) = match case.kind.as_deref() {
        Some("member-id-bundle") => verify_member_id(&octets, &anchors, at)?,
        _ => verify_token(octets, case.audience.as_deref().unwrap_or_default(), &anchors, at),
    };
    let expected = Outcome {
        status: case.expect.clone(),
        subject: case.subject.clone(),
        claims: case.claims.clone(),
        signer: case.signer.clone(),
    };
    if outcome == expected || (outcome.status == expected.status && expected.status != "valid") {
        return Ok(());
    }
    Err(format!("expected {expected:?}, got {outcome:?} ({detail})").into())
}

fn rejected(status: &str, error: &dyn std::error::Error) -> (Outcome, String) {
    let outcome = Outcome { status: status.to_owned(), subject: None, claims: None, signer: None };
    (outcome, error.to_string())
}

fn verify_token(
    octets: Vec<u8>,
    audience: &str,
    anchors: &[TrustAnchor],
    at: Timestamp,
) -> (Outcome, String) {
    let audiences = [audience];
    let verification = TokenVerification::new(&audiences, anchors);
    let verified =
        TokenBundle::from_bytes(octets).and_then(|bundle| bundle.verify(&verification, at));
    match verified {
        Ok(token) => {
            let outcome = Outcome {
                status: "valid".to_owned(),
                subject: Some(token.subject_id()),
                claims: Some(token.claims().clone()),
                signer: Some(token.signer().to_string()),
            };
            (outcome, String::new())
        }
        Err(error @ Error::Malformed(_)) => rejected("malformed", &error),
        Err(error @ Error::Invalid(_)) => rejected("invalid", &error),
    }
}

fn verify_member_id(
    octets: &[u8],
    anchors: &[TrustAnchor],
    at: Timestamp,
) -> Result<(Outcome, String), Failed> {
    let service: ObjectIdentifier = TEST_SERVICE.parse()?;
    let bundle = match MemberIdBundle::from_der(octets) {
        Ok(bundle) => bundle,
        Err(error) => return Ok(rejected("malformed", &error)),
    };
    Ok(match Verification::new(&service, anchors).verify_member_id_at(&bundle, at) {
        Ok(id) => {
            let subject = Some(id.member().subject_id(id.organisation()));
            let status = "valid".to_owned();
            (Outcome { status, subject, claims: None, signer: None }, String::new())
        }
        Err(error) => rejected("invalid", &error),
    })
}
