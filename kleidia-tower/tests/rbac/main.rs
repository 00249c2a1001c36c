//! `RbacLayer` as its users see it: who may do what, and what is recorded of who may not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
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

/// The layer that asks for this, under the default policy.
fn require(world: &World, requirement: Requirement) -> RbacLayer {
    RbacLayer::new(Policy::default(), requirement, world.accounts.audit_trail())
}

/// Inside the layer of sessions, as it is deployed.
fn inside(world: &World, layer: RbacLayer) -> Stack<RbacLayer, JwtSessionLayer> {
    Stack::new(layer, world.layer())
}
