//! The conditions of rules, with real bundles, in code and in a file.

use http::HeaderValue;
use kliento_core::Token;
use kliento_tower::{Admission, AdmissionError, AdmissionStore, AllowRule, SignerKind};

use crate::fixture::{AUDIENCE, Fixture, OTHER_AUDIENCE, decide, parse};

/// `alice@example.com` with a role, `alice@example.com` for the other audience, and
/// `bob@sub.example.com` signed by the organisation.
fn bundles(fixture: &Fixture) -> [HeaderValue; 3] {
    let plain = Token::new(AUDIENCE).with_claim("role", "deploy").with_claim("ticket", "");
    [
        fixture.member("example.com", "alice", &plain),
        fixture.member("example.com", "alice", &Token::new(OTHER_AUDIENCE)),
        fixture.on_behalf("sub.example.com", "bob", &Token::new(AUDIENCE)),
    ]
}

/// Checks which of the bundles these rules admit, in code and in the form of the file.
async fn assert_admits(
    fixture: &Fixture,
    bundles: &[HeaderValue; 3],
    rule: AllowRule,
    toml: &str,
    expected: [bool; 3],
) {
    let file = parse(&format!("[[allow]]\n{toml}")).unwrap();
    for rules in [Admission::new().with_rule(rule), file.current()] {
        for (bundle, is_admitted) in bundles.iter().zip(expected) {
            let expected = if is_admitted { "allowed" } else { "permission_denied" };
            assert_eq!(fixture.decide(rules.clone(), bundle).await, expected, "{toml}");
        }
    }
}

#[tokio::test]
async fn all_conditions_of_a_rule_have_to_be_met() {
    let fixture = Fixture::new();
    let bundles = bundles(&fixture);
    let every = || AllowRule::new().with_organisations(["*"]).unwrap();
    let every_toml = "organisations = ['*']";
    let cases = [
        (every(), String::new(), [true; 3]),
        (
            AllowRule::new().with_organisations(["Example.COM."]).unwrap(),
            "organisations = ['Example.COM.']".to_owned(),
            [true, true, false],
        ),
        (
            AllowRule::new().with_organisations(["*.example.com"]).unwrap(),
            "organisations = ['*.example.com']".to_owned(),
            [false, false, true],
        ),
        (
            AllowRule::new()
                .with_organisations(["ample.com", "*.ample.com", "*.sub.example.com"])
                .unwrap()
                .with_subjects(["bob@sub.example.com", "example.com"])
                .unwrap(),
            "organisations = ['ample.com', '*.ample.com', '*.sub.example.com']\n\
             subjects = ['bob@sub.example.com', 'example.com']"
                .to_owned(),
            [false, false, true],
        ),
        (
            every().with_audiences([OTHER_AUDIENCE, "https://api.example"]),
            format!("audiences = ['{OTHER_AUDIENCE}', 'https://api.example']"),
            [false, true, false],
        ),
        (
            every().with_signers([SignerKind::Member]),
            "signers = ['member']".to_owned(),
            [true, true, false],
        ),
        (
            every().with_signers([SignerKind::Organisation]),
            "signers = ['organisation']".to_owned(),
            [false, false, true],
        ),
        (
            every().with_claim("role", ["admin", "deploy"]),
            "claims = { role = ['admin', 'deploy'] }".to_owned(),
            [true, false, false],
        ),
        (
            every().with_claim("role", ["Deploy"]),
            "claims = { role = 'Deploy' }".to_owned(),
            [false; 3],
        ),
        (
            every().with_present_claim("ticket").with_claim("role", ["deploy"]),
            "claims.ticket = true\nclaims.role = 'deploy'".to_owned(),
            [true, false, false],
        ),
        (every().with_present_claim("Ticket"), "claims.Ticket = true".to_owned(), [false; 3]),
    ];
    for (rule, toml, expected) in cases {
        let is_named = toml.contains("organisations =") || toml.contains("subjects =");
        let toml = if is_named { toml } else { format!("{every_toml}\n{toml}") };
        assert_admits(&fixture, &bundles, rule, &toml, expected).await;
    }
}

#[tokio::test]
async fn one_rule_has_to_allow_a_workload() {
    let fixture = Fixture::new();
    let bundles = bundles(&fixture);
    let rules = Admission::new()
        .with_rule(AllowRule::new().with_organisations(["sub.example.com"]).unwrap())
        .with_rule(
            AllowRule::new()
                .with_subjects(["alice@example.com"])
                .unwrap()
                .with_audiences([OTHER_AUDIENCE]),
        );
    for (bundle, expected) in bundles.iter().zip(["permission_denied", "allowed", "allowed"]) {
        assert_eq!(fixture.decide(rules.clone(), bundle).await, expected);
    }
}

/// What is not named or not met admits no workload.
#[tokio::test]
async fn empty_rules_admit_no_workload() {
    let fixture = Fixture::new();
    let [bundle, ..] = bundles(&fixture);
    let every = || AllowRule::new().with_organisations(["*"]).unwrap();
    for rules in [
        Admission::new(),
        Admission::new().with_rule(AllowRule::new()),
        Admission::new().with_rule(AllowRule::new().with_present_claim("role")),
        Admission::new().with_rule(every().with_audiences::<&str>([])),
        Admission::new().with_rule(every().with_signers([])),
        Admission::new().with_rule(every().with_claim::<&str>("role", [])),
    ] {
        assert_eq!(fixture.decide(rules, &bundle).await, "permission_denied");
    }
}

/// The lists of the layer, its authorizer and its rules narrow each other, in any order.
#[tokio::test]
async fn rules_lists_and_authorizer_all_have_to_admit() {
    let fixture = Fixture::new();
    let [alice, _, bob] = bundles(&fixture);
    let rules = || Admission::new().with_rule(AllowRule::new().with_organisations(["*"]).unwrap());
    let listed = fixture.layer().with_allowed_organisations(["example.com"]).unwrap();
    let narrowed = listed.clone().with_admission(rules());
    let replaced = narrowed.clone().with_admission(Admission::new());
    let authorized = narrowed.clone().with_authorizer(|caller| caller.user().is_none());
    for (layer, expected) in [
        (&listed, ["allowed", "permission_denied"]),
        (&narrowed, ["allowed", "permission_denied"]),
        (&replaced, ["permission_denied"; 2]),
        (&authorized, ["permission_denied"; 2]),
        (&fixture.layer().with_admission(rules()), ["allowed"; 2]),
    ] {
        let decisions = [decide(layer, &alice).await, decide(layer, &bob).await];
        assert_eq!(decisions, expected);
    }
}

#[test]
fn rejects_invalid_names() {
    for text in ["", "*.", "*.*.example", "a*.example", "alice@example.com", "exa mple.com"] {
        let expected = Some(AdmissionError::Organisation(text.to_owned()));
        assert_eq!(AllowRule::new().with_organisations([text]).err(), expected);
        assert_eq!(Admission::new().with_denied_organisations([text]).err(), expected);
    }
    for text in ["", "*", "@example.com", "alice@", "*@example.com.*", "a@b@example.com"] {
        let expected = Some(AdmissionError::Subject(text.to_owned()));
        assert_eq!(AllowRule::new().with_subjects([text]).err(), expected);
        assert_eq!(Admission::new().with_denied_subjects([text]).err(), expected);
    }
}
