//! `RbacLayer`: decisions, responses and audit records.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod audit;
mod decisions;
mod overrides;
mod ownership;
mod policies;
mod requirements;
mod second_factor;
mod streams;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/workloads.rs"]
mod support_workloads;
mod workloads;

use kleidia_tower::rbac::{Permission, Policy, RbacLayer, Requirement};
use kleidia_tower::session::JwtSessionLayer;
use tower::layer::util::Stack;

use support::Fixture;

fn may(name: &str) -> Requirement {
    Requirement::permission(permission(name))
}

fn permission(name: &str) -> Permission {
    name.parse().unwrap()
}

/// Returns a layer with this requirement, under the default policy.
fn require(fixture: &Fixture, requirement: Requirement) -> RbacLayer {
    RbacLayer::new(Policy::default(), requirement, fixture.accounts.audit_trail())
}

/// Places the layer inside `JwtSessionLayer`, as in a deployment.
fn in_session_layer(fixture: &Fixture, layer: RbacLayer) -> Stack<RbacLayer, JwtSessionLayer> {
    Stack::new(layer, fixture.layer())
}
