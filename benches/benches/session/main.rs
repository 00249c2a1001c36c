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
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let people = runtime.block_on(people::People::new());
    let peer = runtime.block_on(peer::Peer::new());
    // The lookups of sessions are tasks.
    let _guard = runtime.enter();
    for comparison in layer::all(&people, &peer).into_iter().chain(permission::all(&people)) {
        println!("{comparison}");
    }
}
