//! Faults of files: each is a typed error with its line and column.

use kliento_tower::{AdmissionError, AdmissionFileError as E, TextFileError};

use crate::fixture::{RuleFile, parse};

fn error(content: &str) -> E {
    parse(content).expect_err(content)
}

/// Checks the position and the rest of the error's text.
fn assert_error(content: &str, expected: &str) {
    let found = error(content).to_string();
    assert!(found.starts_with(expected), "{content}\nexpected: {expected}\nfound: {found}");
}

#[test]
fn reports_line_and_column_of_syntax_errors() {
    for (content, expected) in [
        ("[[allow]]\norganisations = ['*'\n[deny]", "line 3, column 1: "),
        ("[[allow]]\norganisations = '*'", "line 2, column 17: invalid type: string"),
        ("[[allow]]\nörganisations = ['*']", "line 2, column 1: "),
        ("[[allow]]\norganization = ['*']", "line 2, column 1: unknown field `organization`"),
        ("[[rule]]\norganisations = ['*']", "line 1, column 3: unknown field `rule`"),
        ("[[allow]]\nsigners = ['bot']", "line 2, column 12: unknown variant `bot`"),
        (
            "[[allow]]\nclaims.role = 1",
            "line 2, column 15: expected a text, a list of texts, or true",
        ),
        ("[[allow]]\nsubjects = ['a']\nsubjects = ['b']", "line 3, column 1: duplicate key"),
        ("[[quota]]\nrequests = -1", "line 2, column 12: invalid value: integer `-1`"),
        ("[[quota]]\nrequests = 5000000000", "line 2, column 12: invalid value"),
        ("[[quota]]\nrequests = 1", "line 1, column 1: missing field `period`"),
        ("[quota]\nrequests = 1\nperiod = 1", "line 1, column 1: invalid type: map"),
        ("[deny]\nclaims = {}", "line 2, column 1: unknown field `claims`"),
    ] {
        assert!(matches!(error(content), E::Syntax { .. }), "{content}");
        assert_error(content, expected);
    }
}

#[test]
fn reports_line_and_column_of_invalid_values() {
    let allow = "[[allow]]\norganisations = ['*']\n";
    for (content, expected) in [
        (
            "[[allow]]\norganisations = ['a', 'é b']".to_owned(),
            "line 2, column 23: invalid organisation \"é b\"",
        ),
        ("[[allow]]\nsubjects = ['@a']".to_owned(), "line 2, column 13: invalid subject \"@a\""),
        (
            format!("{allow}[deny]\nsubjects = ['é', 'a@']"),
            "line 4, column 13: invalid subject \"é\"",
        ),
        (
            format!("{allow}[[quota]]\nrequests = 0\nperiod = 1"),
            "line 4, column 12: requests of a quota is out of bounds: expected 1 to 1000000, found 0",
        ),
        (
            format!("{allow}[[quota]]\nrequests = 1\nperiod = 0"),
            "line 5, column 10: period of a quota is out of bounds",
        ),
        (
            format!("{allow}[[quota]]\nrequests = 1\nperiod = 60\nburst = 1000001"),
            "line 6, column 9: burst of a quota is out of bounds",
        ),
        (
            format!("{allow}[[quota]]\norganisations = ['*.*']\nrequests = 1\nperiod = 60"),
            "line 4, column 18: invalid organisation \"*.*\"",
        ),
    ] {
        assert!(matches!(error(&content), E::Invalid { .. }), "{content}");
        assert_error(&content, expected);
    }
    let E::Invalid { error, .. } = error("[[allow]]\nsubjects = ['@a']") else { panic!() };
    assert_eq!(error, AdmissionError::Subject("@a".to_owned()));
}

#[test]
fn rejects_rules_that_admit_all_or_none_by_accident() {
    let allow = "[[allow]]\norganisations = ['*']\n";
    assert!(matches!(error(""), E::NoAllowRule));
    assert!(matches!(error("# A comment"), E::NoAllowRule));
    assert!(matches!(error("[deny]\norganisations = ['a']"), E::NoAllowRule));
    for content in ["[[allow]]", "[[allow]]\nsigners = ['member']", "[[allow]]\nclaims.role = 'x'"]
    {
        assert!(matches!(error(content), E::UnnamedCallers { .. }), "{content}");
    }
    for content in [
        "[[allow]]\norganisations = []".to_owned(),
        format!("{allow}subjects = []"),
        format!("{allow}audiences = []"),
        format!("{allow}signers = []"),
        format!("{allow}claims.role = []"),
        format!("{allow}claims.role = false"),
        format!("{allow}[deny]"),
        format!("{allow}[deny]\nsubjects = []"),
        format!("{allow}[[quota]]\norganisations = []\nrequests = 1\nperiod = 1"),
    ] {
        assert!(matches!(error(&content), E::Empty { .. }), "{content}");
    }
}

#[test]
fn rejects_duplicates_and_quotas_that_never_apply() {
    let allow = "[[allow]]\norganisations = ['*']\n";
    let quota = |organisations: &str| {
        format!("[[quota]]\norganisations = [{organisations}]\nrequests = 1\nperiod = 1\n")
    };
    for (content, expected) in [
        (
            "[[allow]]\norganisations = ['a', 'b', 'A.']".to_owned(),
            "line 2, column 28: duplicate \"A.\"",
        ),
        ("[[allow]]\norganisations = ['*', '*']".to_owned(), "line 2, column 23: duplicate \"*\""),
        (format!("{allow}audiences = ['x', 'x']"), "line 3, column 19: duplicate \"x\""),
        (format!("{allow}signers = ['member', 'member']"), "line 3, column 22: duplicate"),
        (format!("{allow}[deny]\nsubjects = ['a@b', 'a@b']"), "line 4, column 20: duplicate"),
        (
            format!("{allow}{}{}", quota("'a', '*.b'"), quota("'c', '*.b'")),
            "line 8, column 23: duplicate \"*.b\"",
        ),
    ] {
        assert!(matches!(error(&content), E::Duplicate { .. }), "{content}");
        assert_error(&content, expected);
    }
    for first in [quota("'*'"), quota("'a'").replace("organisations = ['a']\n", "")] {
        let content = format!("{allow}{first}{}", quota("'b'"));
        assert!(matches!(error(&content), E::UnreachableQuota { .. }), "{content}");
    }
}

#[test]
fn rejects_quotas_that_never_apply_to_an_organisation() {
    let allow = "[[allow]]\norganisations = ['*']\n";
    let quota =
        |names: &str| format!("[[quota]]\norganisations = [{names}]\nrequests = 1\nperiod = 60\n");
    for (first, second, name) in [
        ("'*.example.com'", "'a.example.com'", "a.example.com"),
        ("'*.example.com'", "'b', 'a.b.Example.com'", "a.b.Example.com"),
        ("'a', '*.example.com'", "'*.b.example.com'", "*.b.example.com"),
    ] {
        let content = format!("{allow}{}{}", quota(first), quota(second));
        let found = error(&content);
        assert!(matches!(&found, E::CoveredQuota { name: found, .. } if found == name), "{found}");
        assert_error(&content, &format!("line 8, column {}", 19 + second.find(name).unwrap() - 2));
    }
    for (first, second) in [
        ("'a.example.com'", "'*.example.com'"),
        ("'*.example.com'", "'example.com', 'badexample.com'"),
        ("'*.b.example.com'", "'*.example.com', '*.a.example.com'"),
        ("'b'", "'*.a', 'c.a'"),
    ] {
        parse(&format!("{allow}{}{}", quota(first), quota(second))).unwrap();
    }
}

#[test]
fn rejects_rules_for_unknown_audiences() {
    let rule = |audience: &str| {
        RuleFile::new(format!("[[allow]]\norganisations = ['*']\naudiences = ['a', '{audience}']"))
    };
    let open = |file: &RuleFile| {
        kliento_tower::AdmissionFile::options().with_audiences(["a", "b"]).open(file.path())
    };
    let file = rule("c");
    let E::UnknownAudience { position, audience } = open(&file).unwrap_err() else { panic!() };
    assert_eq!((position.to_string().as_str(), audience.as_str()), ("line 3, column 19", "c"));
    // Without the audiences, nothing is known of them.
    file.open().unwrap();
    let file = rule("b");
    let rules = open(&file).unwrap();
    std::fs::write(file.path(), "[[allow]]\norganisations = ['*']\naudiences = ['A']").unwrap();
    assert!(matches!(&*rules.reload().unwrap_err(), E::UnknownAudience { .. }));
}

#[test]
fn entries_are_bounded() {
    let rules = "[[allow]]\norganisations = ['a']\n";
    assert!(parse(&rules.repeat(256)).is_ok());
    assert!(matches!(error(&rules.repeat(257)), E::TooMany { key: "allow", limit: 256 }));
    let large = format!("# {}\n{rules}", "x".repeat(1 << 20));
    assert!(matches!(error(&large), E::File(TextFileError::TooLarge { limit: 1_048_576 })));
    let many: Vec<_> = (0..40_000).map(|index| format!("'o{index}.example'")).collect();
    assert!(parse(&format!("[[allow]]\norganisations = [{}]", many.join(","))).is_ok());
}

#[test]
fn rejects_other_than_regular_text_files() {
    let missing = RuleFile::new("");
    std::fs::remove_file(missing.path()).unwrap();
    assert!(matches!(missing.open(), Err(E::File(TextFileError::Read(_)))));
    std::fs::create_dir(missing.path()).unwrap();
    assert!(matches!(missing.open(), Err(E::File(TextFileError::NotRegular))));
    let binary = RuleFile::new([0xff, 0xfe]);
    assert!(matches!(binary.open(), Err(E::File(TextFileError::Encoding(_)))));
    assert!(parse("\u{feff}[[allow]]\r\norganisations = ['a']\r\n").is_ok());
}

/// Cut and altered files are rejected, or are valid files: no panic.
#[test]
fn garbage_does_not_panic() {
    let original = "[deny]\norganisations = ['a', '*.b']\n[[allow]]\nsubjects = ['é@c']\n\
        claims = { role = ['x'], y = true }\nsigners = ['member']\n\
        [[quota]]\nrequests = 1\nperiod = 60\n";
    let (mut valid, seed) = (0, 1);
    let mut random = fastrand::Rng::with_seed(seed);
    let file = RuleFile::new(original);
    let store = file.open().unwrap();
    for round in 0..4000 {
        let mut octets = original.as_bytes().to_vec();
        for _ in 0..random.usize(1..3) {
            let at = random.usize(..octets.len());
            match random.u8(..3) {
                0 => octets[at] = random.u8(..),
                1 => drop(octets.remove(at)),
                _ => octets.truncate(at.max(1)),
            }
        }
        file.write(&octets);
        let outcome = store.reload();
        assert_eq!(store.last_error().is_some(), outcome.is_err(), "seed {seed}, round {round}");
        valid += usize::from(outcome.is_ok());
    }
    assert!((50..3900).contains(&valid), "{valid}");
}
