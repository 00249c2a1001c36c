//! Counts the public-key operations of the most expensive bundles.
#![allow(clippy::expect_used, reason = "a test may end by a panic")]

use benches::{Checks, WorstCaseBundle, bundle_with_inceptions};
use kliento::MAX_BUNDLE_OCTETS;
use veraid::{Limits, StagedVerifier};

/// The public-key operations of one verification, and their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Usage {
    operations: u32,
    cost: u32,
}

impl Usage {
    fn on(checks: Checks) -> Self {
        let checks = checks.into_vec();
        let operations = u32::try_from(checks.len()).expect("few checks");
        Self { operations, cost: checks.iter().map(veraid::SignatureCheck::cost).sum() }
    }
}

#[test]
fn no_bundle_costs_more_than_the_limits() {
    let mut max = Usage::default();
    for WorstCaseBundle { name, bundle } in WorstCaseBundle::all() {
        assert!(bundle.octets.len() <= MAX_BUNDLE_OCTETS, "{name}: {}", bundle.octets.len());
        let (mut at, mut during) = (Checks::default(), Checks::default());
        let outcomes = (bundle.verify(&mut at), bundle.verify_during(&mut during));
        for usage in [Usage::on(at), Usage::on(during)] {
            println!("{name}: {usage:?} {outcomes:?}");
            assert!(usage.operations <= Limits::PUBLIC_KEY_OPERATIONS, "{name}: {usage:?}");
            assert!(usage.cost <= Limits::COST, "{name}: {usage:?}");
            max.operations = max.operations.max(usage.operations);
            max.cost = max.cost.max(usage.cost);
        }
    }
    // Otherwise the bundles would not test the limits.
    assert_eq!(max.operations, Limits::PUBLIC_KEY_OPERATIONS, "{max:?}");
    assert!(max.cost > Limits::COST - 80, "{max:?}");
}

#[test]
fn rejects_bundle_with_too_many_instants() {
    let verify =
        |instants| bundle_with_inceptions(instants).verify_during(&mut StagedVerifier::new());
    assert_eq!(verify(Limits::INSTANTS), Ok(()));
    let rejected = verify(Limits::INSTANTS + 1).expect_err("too many instants");
    assert!(rejected.to_string().contains("32 instants to try"), "{rejected}");
}
