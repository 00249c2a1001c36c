//! Claims that are read into types by serde.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use kliento_tower::testing::IdentityBuilder;
use kliento_tower::{ClaimsError, WorkloadIdentity};
use serde::Deserialize;

fn identity(claims: &[(&str, &str)]) -> WorkloadIdentity {
    let builder = IdentityBuilder::new("alice@example.com", "https://api.example.com").unwrap();
    claims.iter().fold(builder, |builder, (name, value)| builder.with_claim(*name, *value)).build()
}

#[derive(Debug, PartialEq, Deserialize)]
struct Permissions<'a> {
    project: &'a str,
    role: Role,
    #[serde(rename = "max-amount")]
    max_amount: Option<u32>,
    ratio: Option<f64>,
    #[serde(default)]
    is_test: bool,
    ticket: Option<Ticket>,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Role {
    ReadOnly,
    Admin,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Ticket(i64);

#[test]
fn reads_texts_numbers_and_enums() {
    let claims = [
        ("project", "π"),
        ("role", "read-only"),
        ("max-amount", "4294967295"),
        ("ratio", "-0.5"),
        ("is_test", "true"),
        ("ticket", "-7"),
        ("note", ""),
        ("other", "ignored"),
    ];
    let expected = Permissions {
        project: "π",
        role: Role::ReadOnly,
        max_amount: Some(u32::MAX),
        ratio: Some(-0.5),
        is_test: true,
        ticket: Some(Ticket(-7)),
        note: Some(String::new()),
    };
    assert_eq!(identity(&claims).claims_as(), Ok(expected));
    let least = identity(&[("project", "p"), ("role", "admin")]);
    let least: Permissions<'_> = least.claims_as().unwrap();
    assert_eq!((least.role, least.max_amount, least.is_test), (Role::Admin, None, false));
}

#[test]
fn reads_all_claims_into_a_map() {
    let caller = identity(&[("a", "1"), ("b", "2")]);
    assert_eq!(caller.claims_as::<BTreeMap<&str, u8>>(), Ok(BTreeMap::from([("a", 1), ("b", 2)])));
    assert_eq!(caller.claims_as::<BTreeMap<String, String>>().unwrap(), *caller.claims());
}

#[test]
fn errors_name_the_claim() {
    let permissions =
        |claims: &[(&str, &str)]| identity(claims).claims_as::<Permissions<'_>>().unwrap_err();
    assert_eq!(permissions(&[]), ClaimsError::Missing("project".to_owned()));
    assert_eq!(permissions(&[("project", "p")]), ClaimsError::Missing("role".to_owned()));
    for (name, value, reason) in [
        ("role", "owner", "unknown variant `owner`, expected `read-only` or `admin`"),
        ("max-amount", "-1", "expected an unsigned integer of 32 bits, found \"-1\""),
        ("max-amount", "", "expected an unsigned integer of 32 bits, found \"\""),
        ("ratio", "1,5", "expected a number, found \"1,5\""),
        ("is_test", "True", "expected true or false, found \"True\""),
        ("ticket", "7.0", "expected an integer of 64 bits, found \"7.0\""),
    ] {
        let claims = [("project", "p"), ("role", "admin"), (name, value)];
        let (claim, reason) = (name.to_owned(), reason.to_owned());
        assert_eq!(permissions(&claims), ClaimsError::Invalid { claim, reason });
    }
    assert!(matches!(identity(&[]).claims_as::<u32>(), Err(ClaimsError::Whole(_))));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {}

#[test]
fn text_of_the_signer_is_bounded() {
    let long = "x\n".repeat(5000);
    let caller = identity(&[(&long, &long)]);
    let errors = [
        caller.claims_as::<Strict>().unwrap_err(),
        caller.claims_as::<BTreeMap<String, u8>>().unwrap_err(),
        caller.claims_as::<BTreeMap<u8, String>>().unwrap_err(),
        caller.claims_as::<BTreeMap<String, Vec<String>>>().unwrap_err(),
    ];
    assert!(matches!(errors[0], ClaimsError::Unknown(_)));
    for error in errors {
        let text = error.to_string();
        assert!(text.chars().count() < 400 && !text.contains('\n'), "{text}");
    }
}
