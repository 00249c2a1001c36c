//! What the dearest bundles cost, counted and never timed.
#![allow(clippy::expect_used, reason = "a test may end by a panic")]

use benches::{Checks, WorstCaseBundle, bundle_with_inceptions};
use kliento::MAX_BUNDLE_OCTETS;
use veraid::{Limits, StagedVerifier};

/// The public-key operations of one verification, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Spent {
    operations: u32,
    cost: u32,
}

impl Spent {
    fn on(checks: Checks) -> Self {
        let checks = checks.into_vec();
        let operations = u32::try_from(checks.len()).expect("few checks");
        Self { operations, cost: checks.iter().map(veraid::SignatureCheck::cost).sum() }
    }
}

#[test]
fn no_bundle_costs_more_than_the_limits() {
    let mut most = Spent::default();
    for WorstCaseBundle { name, bundle } in WorstCaseBundle::all() {
        assert!(bundle.octets.len() <= MAX_BUNDLE_OCTETS, "{name}: {}", bundle.octets.len());
        let (mut at, mut during) = (Checks::default(), Checks::default());
        let outcomes = (bundle.verify(&mut at), bundle.verify_during(&mut during));
        for spent in [Spent::on(at), Spent::on(during)] {
            println!("{name}: {spent:?} {outcomes:?}");
            assert!(spent.operations <= Limits::PUBLIC_KEY_OPERATIONS, "{name}: {spent:?}");
            assert!(spent.cost <= Limits::COST, "{name}: {spent:?}");
            most.operations = most.operations.max(spent.operations);
            most.cost = most.cost.max(spent.cost);
        }
    }
    // If nothing came near the limits, they were not what stopped it.
    assert_eq!(most.operations, Limits::PUBLIC_KEY_OPERATIONS, "{most:?}");
    assert!(most.cost > Limits::COST - 80, "{most:?}");
}

#[test]
fn no_more_instants_are_tried_than_the_limits_allow() {
    let verify =
        |instants| bundle_with_inceptions(instants).verify_during(&mut StagedVerifier::new());
    assert_eq!(verify(Limits::INSTANTS), Ok(()));
    let refused = verify(Limits::INSTANTS + 1).expect_err("it has too many instants");
    assert!(refused.to_string().contains("32 instants to try"), "{refused}");
}
