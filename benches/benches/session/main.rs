//! The cost of the layers for users: a session, compared with its unavoidable work and with a peer,
//! and a permission.
//!
//! The inner service returns the request; each figure is a whole call.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

#[path = "../access_claims/mod.rs"]
mod access_claims;
mod caller;
mod layer;
mod peer;
mod people;
mod permission;

use benches::Comparison;

fn main() {
    println!("{}", Comparison::head());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let people = runtime.block_on(people::People::new());
    let peer = runtime.block_on(peer::Peer::new());
    for comparison in layer::all(&people, &peer).into_iter().chain(permission::all(&people)) {
        println!("{comparison}");
    }
}
