//! The pure decision, beside an oracle that knows nothing of how it is made.

use std::collections::BTreeSet;

use fastrand::Rng;
use kleidia_tower::rbac::{Circumstances, Policy, Requirement, RoleName};

use crate::stage::{NOW, World};
use crate::{may, permission};

/// A requirement, as the oracle sees it.
enum Asked {
    Anybody,
    Role(RoleName),
    May(&'static str),
    Own,
    Fresh(i64),
    Any(Vec<Asked>),
    All(Vec<Asked>),
}

const ROLES: [&str; 4] = ["admin", "user", "auditor", "nobody"];
const PERMISSIONS: [&str; 4] = ["users:read", "audit:read", "users:delete", "reports:delete"];

fn policy() -> Policy {
    let auditor = "auditor".parse().unwrap();
    let listed = [permission("audit:read"), permission("reports:delete")];
    Policy::default().with_role(auditor, listed)
}

/// What the policy says, as a table.
fn is_permitted(role: &str, permission: &str) -> bool {
    matches!(
        (role, permission),
        ("admin", "users:read" | "audit:read") | ("auditor", "audit:read" | "reports:delete")
    )
}

impl Asked {
    fn random(rng: &mut Rng, depth: u32) -> Self {
        let parts = |rng: &mut Rng| {
            (0..rng.usize(0..4)).map(|_| Self::random(rng, depth + 1)).collect::<Vec<_>>()
        };
        match rng.u8(0..if depth < 3 { 9 } else { 5 }) {
            0 => Self::Anybody,
            1 => Self::Role(rng.choice(ROLES).unwrap().parse().unwrap()),
            2 => Self::May(rng.choice(PERMISSIONS).unwrap()),
            3 => Self::Own,
            4 => Self::Fresh(rng.i64(0..4)),
            5 | 6 => Self::Any(parts(rng)),
            _ => Self::All(parts(rng)),
        }
    }

    fn requirement(&self) -> Requirement {
        match self {
            Self::Anybody => Requirement::authenticated(),
            Self::Role(role) => Requirement::role(role.clone()),
            Self::May(name) => may(name),
            Self::Own => Requirement::own(),
            Self::Fresh(seconds) => Requirement::step_up(*seconds),
            Self::Any(parts) => Requirement::any_of(parts.iter().map(Self::requirement)),
            Self::All(parts) => Requirement::all_of(parts.iter().map(Self::requirement)),
        }
    }

    fn is_met(&self, roles: &BTreeSet<RoleName>, is_own: bool, age: i64) -> bool {
        match self {
            Self::Anybody => true,
            Self::Role(role) => roles.contains(role),
            Self::May(name) => roles.iter().any(|role| is_permitted(role.as_str(), name)),
            Self::Own => is_own,
            Self::Fresh(seconds) => age < *seconds,
            Self::Any(parts) => parts.iter().any(|part| part.is_met(roles, is_own, age)),
            Self::All(parts) => {
                !parts.is_empty() && parts.iter().all(|part| part.is_met(roles, is_own, age))
            }
        }
    }
}

#[tokio::test]
async fn decisions_are_those_of_the_oracle() {
    let world = World::new().await;
    let id = world.principal("alice").await.user_id().unwrap();
    let (mut rng, policy) = (Rng::with_seed(20_261_123), policy());
    let mut permitted = 0;
    for _ in 0..32 {
        let roles: Vec<&str> = ROLES.into_iter().filter(|_| rng.bool()).collect();
        world.set_roles(id, &roles).await;
        let alice = world.principal("alice").await;
        for _ in 0..500 {
            let asked = Asked::random(&mut rng, 0);
            let (is_own, age) = (rng.bool(), rng.i64(0..4));
            let circumstances = Circumstances { is_own, now: Some(NOW + age) };
            let decided = policy.decide(&alice, &asked.requirement(), &circumstances);
            let expected = asked.is_met(alice.roles(), is_own, age);
            assert_eq!(decided.is_ok(), expected, "{:?} by {roles:?}", asked.requirement());
            if let Ok(permit) = decided {
                assert_eq!(permit.principal().user_id(), Some(id));
                permitted += 1;
            }
        }
    }
    // Neither is the rare case.
    assert!((2000..14_000).contains(&permitted), "{permitted}");
}

/// Without a time nothing is fresh.
#[tokio::test]
async fn a_clock_that_tells_no_time_permits_no_step_up() {
    let world = World::new().await;
    let alice = world.principal("alice").await;
    let decide = |now| {
        let circumstances = Circumstances { is_own: false, now };
        Policy::default().decide(&alice, &Requirement::step_up(60), &circumstances).is_ok()
    };
    assert!(decide(Some(NOW)) && !decide(None));
}
