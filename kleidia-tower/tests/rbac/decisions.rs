//! `Policy::decide`, compared with an independent oracle.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use kleidia_tower::rbac::{AccessContext, Policy, Requirement, RoleName};

use crate::support::{Fixture, NOW};
use crate::{may, permission};

/// A requirement, as the oracle evaluates it.
enum Model {
    Authenticated,
    Role(RoleName),
    Permission(&'static str),
    Owner,
    StepUp(u64),
    Any(Vec<Model>),
    All(Vec<Model>),
}

const ROLES: [&str; 4] = ["admin", "user", "auditor", "nobody"];
const PERMISSIONS: [&str; 4] = ["users:read", "audit:read", "users:delete", "reports:delete"];

fn policy() -> Policy {
    let auditor = "auditor".parse().unwrap();
    let listed = [permission("audit:read"), permission("reports:delete")];
    Policy::default().with_role(auditor, listed)
}

/// The policy as a table.
fn is_permitted(role: &str, permission: &str) -> bool {
    matches!(
        (role, permission),
        ("admin", "users:read" | "audit:read") | ("auditor", "audit:read" | "reports:delete")
    )
}

impl Model {
    fn random(rng: &mut Rng, depth: u32) -> Self {
        let parts = |rng: &mut Rng| {
            (0..rng.usize(0..4)).map(|_| Self::random(rng, depth + 1)).collect::<Vec<_>>()
        };
        match rng.u8(0..if depth < 3 { 9 } else { 5 }) {
            0 => Self::Authenticated,
            1 => Self::Role(rng.choice(ROLES).unwrap().parse().unwrap()),
            2 => Self::Permission(rng.choice(PERMISSIONS).unwrap()),
            3 => Self::Owner,
            4 => Self::StepUp(rng.u64(0..4)),
            5 | 6 => Self::Any(parts(rng)),
            _ => Self::All(parts(rng)),
        }
    }

    fn requirement(&self) -> Requirement {
        match self {
            Self::Authenticated => Requirement::authenticated(),
            Self::Role(role) => Requirement::role(role.clone()),
            Self::Permission(name) => may(name),
            Self::Owner => Requirement::owner(),
            Self::StepUp(seconds) => Requirement::fresh(Duration::from_secs(*seconds)),
            Self::Any(parts) => Requirement::any_of(parts.iter().map(Self::requirement)),
            Self::All(parts) => Requirement::all_of(parts.iter().map(Self::requirement)),
        }
    }

    fn is_met(&self, roles: &BTreeSet<RoleName>, is_owner: bool, age: u64) -> bool {
        match self {
            Self::Authenticated => true,
            Self::Role(role) => roles.contains(role),
            Self::Permission(name) => roles.iter().any(|role| is_permitted(role.as_str(), name)),
            Self::Owner => is_owner,
            Self::StepUp(seconds) => age < *seconds,
            Self::Any(parts) => parts.iter().any(|part| part.is_met(roles, is_owner, age)),
            Self::All(parts) => {
                !parts.is_empty() && parts.iter().all(|part| part.is_met(roles, is_owner, age))
            }
        }
    }
}

#[tokio::test]
async fn decisions_agree_with_the_oracle() {
    let fixture = Fixture::new().await;
    let id = fixture.principal("alice").await.user_id().unwrap();
    let (mut rng, policy) = (Rng::with_seed(20_261_123), policy());
    let mut permitted = 0;
    for _ in 0..32 {
        let roles: Vec<&str> = ROLES.into_iter().filter(|_| rng.bool()).collect();
        fixture.set_roles(id, &roles).await;
        let alice = fixture.principal("alice").await;
        for _ in 0..500 {
            let model = Model::random(&mut rng, 0);
            let (is_owner, age) = (rng.bool(), rng.u64(0..4));
            let context = AccessContext { is_owner, now: Some(NOW + Duration::from_secs(age)) };
            let decided = policy.decide(&alice, &model.requirement(), &context);
            let expected = model.is_met(alice.roles(), is_owner, age);
            assert_eq!(decided.is_ok(), expected, "{:?} by {roles:?}", model.requirement());
            if let Ok(permit) = decided {
                assert_eq!(permit.principal().user_id(), Some(id));
                permitted += 1;
            }
        }
    }
    // Both outcomes are frequent.
    assert!((2000..14_000).contains(&permitted), "{permitted}");
}

#[tokio::test]
async fn denies_step_up_without_a_time() {
    let fixture = Fixture::new().await;
    let alice = fixture.principal("alice").await;
    let decide = |now| {
        let context = AccessContext { is_owner: false, now };
        Policy::default()
            .decide(&alice, &Requirement::fresh(Duration::from_secs(60)), &context)
            .is_ok()
    };
    assert!(decide(Some(NOW)) && !decide(None));
}
