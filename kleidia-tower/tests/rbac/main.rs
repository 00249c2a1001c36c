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
#[path = "../stage/mod.rs"]
mod stage;
#[path = "../stage/workloads.rs"]
mod stage_workloads;
mod workloads;

use kleidia_tower::rbac::{Permission, Policy, RbacLayer, Requirement};
use kleidia_tower::session::JwtSessionLayer;
use tower::layer::util::Stack;

use stage::World;

fn may(name: &str) -> Requirement {
    Requirement::permission(permission(name))
}

fn permission(name: &str) -> Permission {
    name.parse().unwrap()
}

/// Returns a layer with this requirement, under the default policy.
fn require(world: &World, requirement: Requirement) -> RbacLayer {
    RbacLayer::new(Policy::default(), requirement, world.accounts.audit_trail())
}

/// Wraps the layer into `JwtSessionLayer`, as in a deployment.
fn inside(world: &World, layer: RbacLayer) -> Stack<RbacLayer, JwtSessionLayer> {
    Stack::new(layer, world.layer())
}
