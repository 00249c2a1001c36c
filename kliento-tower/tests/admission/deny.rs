//! The deny list wins over all rules.

use kliento_core::Token;
use kliento_tower::testing::IdentityBuilder;
use kliento_tower::{Admission, AdmissionStore as _, AllowRule, SignerKind, WorkloadIdentity};

use crate::fixture::{AUDIENCE, Fixture, OTHER_AUDIENCE, parse};

#[tokio::test]
async fn denied_workloads_are_rejected_whatever_allows_them() {
    let fixture = Fixture::new();
    let alice = fixture.member("sub.example.com", "alice", &Token::new(AUDIENCE));
    let rules = || {
        Admission::new()
            .with_rule(AllowRule::new().with_organisations(["*", "sub.example.com"]).unwrap())
            .with_rule(AllowRule::new().with_subjects(["alice@sub.example.com"]).unwrap())
    };
    assert_eq!(fixture.decide(rules(), &alice).await, "allowed");
    let denied: [fn(Admission) -> Admission; 4] = [
        |rules| rules.with_denied_organisations(["Sub.Example.COM"]).unwrap(),
        |rules| rules.with_denied_organisations(["*.example.com"]).unwrap(),
        |rules| rules.with_denied_organisations(["*"]).unwrap(),
        |rules| rules.with_denied_subjects(["alice@sub.example.com"]).unwrap(),
    ];
    for deny in denied {
        assert_eq!(fixture.decide(deny(rules()), &alice).await, "permission_denied");
    }
    let others: [fn(Admission) -> Admission; 2] = [
        |rules| rules.with_denied_organisations(["example.com", "*.sub.example.com"]).unwrap(),
        // The bot.
        |rules| rules.with_denied_subjects(["sub.example.com", "Alice@sub.example.com"]).unwrap(),
    ];
    for deny in others {
        assert_eq!(fixture.decide(deny(rules()), &alice).await, "allowed");
    }
}

const LABELS: [&str; 3] = ["a", "b", "c"];

fn name(random: &mut fastrand::Rng) -> String {
    let labels: Vec<_> =
        (0..random.usize(1..4)).map(|_| LABELS[random.usize(..LABELS.len())]).collect();
    labels.join(".")
}

fn pattern(random: &mut fastrand::Rng) -> String {
    match random.u8(..8) {
        0 => "*".to_owned(),
        1..4 => format!("*.{}", name(random)),
        _ => name(random),
    }
}

fn subject(random: &mut fastrand::Rng) -> String {
    let user = ["", "u@", "v@"][random.usize(..3)];
    format!("{user}{}", name(random))
}

fn list<T>(random: &mut fastrand::Rng, element: fn(&mut fastrand::Rng) -> T) -> Vec<T> {
    (0..random.usize(..4)).map(|_| element(random)).collect()
}

/// Whether a pattern names an organisation, by its definition.
fn is_named(pattern: &str, organisation: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => organisation.len() > suffix.len() && organisation.ends_with(suffix),
        None => pattern == organisation,
    }
}

fn names(organisations: &[String], subjects: &[String], identity: &WorkloadIdentity) -> bool {
    let organisation = identity.organisation().as_str();
    organisations.iter().any(|pattern| is_named(pattern, organisation))
        || subjects.iter().any(|subject| subject == identity.subject())
}

/// Random rules, denials and workloads: the deny list wins, and a rule allows what it names.
#[test]
fn agrees_with_the_definition() {
    let (mut admitted, mut denied) = (0, 0);
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let random = &mut random;
        let (deny, deny_subjects) = (list(random, pattern), list(random, subject));
        let mut rules = Admission::new()
            .with_denied_organisations(&deny)
            .unwrap()
            .with_denied_subjects(&deny_subjects)
            .unwrap();
        let signer = [SignerKind::Member, SignerKind::Organisation][random.usize(..2)];
        let identity = IdentityBuilder::new(&subject(random), AUDIENCE).unwrap();
        let identity = identity.with_signer(signer).build();
        let mut is_allowed = false;
        for _ in 0..random.usize(..4) {
            let (allow, allow_subjects) = (list(random, pattern), list(random, subject));
            let mut rule = AllowRule::new().with_organisations(&allow).unwrap();
            rule = rule.with_subjects(&allow_subjects).unwrap();
            let mut allows = names(&allow, &allow_subjects, &identity);
            if random.bool() {
                rule = rule.with_signers([SignerKind::Member]);
                allows &= signer == SignerKind::Member;
            }
            if random.u8(..4) == 0 {
                rule = rule.with_audiences([OTHER_AUDIENCE]);
                allows = false;
            }
            is_allowed |= allows;
            rules = rules.with_rule(rule);
        }
        let is_denied = names(&deny, &deny_subjects, &identity);
        assert_eq!(rules.admits(&identity), is_allowed && !is_denied, "seed {seed}: {rules:?}");
        admitted += usize::from(is_allowed && !is_denied);
        denied += usize::from(is_allowed && is_denied);
    }
    assert!(admitted > 1000 && denied > 1000, "{admitted} admitted, {denied} denied");
}

#[tokio::test]
async fn file_has_the_same_deny_list() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let allow = "[[allow]]\norganisations = ['*']\n";
    for (deny, expected) in [
        ("", "allowed"),
        ("[deny]\norganisations = ['example.com']", "permission_denied"),
        ("[deny]\norganisations = ['*.com']", "permission_denied"),
        ("[deny]\nsubjects = ['alice@example.com']", "permission_denied"),
        ("[deny]\nsubjects = ['bob@example.com']", "allowed"),
    ] {
        let rules = parse(&format!("{allow}{deny}")).unwrap();
        assert_eq!(fixture.decide(rules.current(), &alice).await, expected, "{deny}");
    }
}
