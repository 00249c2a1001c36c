//! What the layers of people cost: a session beside what it can't do without and beside a peer,
//! and a permission.
//!
//! Layers are measured around a service that gives requests back; each figure is a whole call.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it reports figures, or ends"
)]

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
