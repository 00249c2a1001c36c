//! What an authorizer costs a request: `kliento serve`, relative to one that always says yes, and
//! nginx with `auth_request`, relative to nginx without it.
//!
//! All servers are processes, and each pair is measured alternately. One client sends one request
//! after the other, with a bundle that is known after the first. So the figures are latencies.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod client;
mod servers;

use std::process::ExitCode;

use benches::{Bundle, is_measured, medians, ratio, rounds};

use self::client::Client;
use self::servers::{Nginx, Server};

/// How many times the latency of an authorizer that always says yes.
const TARGET: f64 = 1.5;
/// The requests to one server before the other's turn.
const REQUESTS: u32 = 500;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == servers::ALWAYS_YES) {
        servers::say_yes();
        return ExitCode::SUCCESS;
    }
    let bundle = Bundle::reference("member-user");
    let (kliento, yes) = (Server::kliento(&bundle), Server::always_yes());
    let nginx = Nginx::start(&kliento.address, &yes.address);
    println!("{:<28} {:>12} {:>12} {:>7}  target", "latency", "without", "with", "ratio");
    let open = |address: &str| Client::open(address, &bundle.header);
    let (mut without, mut with) = (open(&yes.address), open(&kliento.address));
    let is_met = compare("kliento serve", &mut without, &mut with, Some(TARGET));
    let (mut without, mut with) = (open(&nginx.without), open(&nginx.with));
    compare("nginx with auth_request", &mut without, &mut with, None);
    // With `cargo test`, the few rounds say nothing.
    if is_met || !is_measured() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the latencies of two servers, and their ratio, and returns whether it meets the target.
fn compare(label: &str, without: &mut Client, with: &mut Client, target: Option<f64>) -> bool {
    let mut plain = || without.latency(REQUESTS);
    let mut checked = || with.latency(REQUESTS);
    let [plain, checked] = medians(rounds(60), &mut [&mut plain, &mut checked]);
    let ratio = ratio(checked, plain);
    let is_met = target.is_none_or(|target| ratio <= target);
    let target = match target {
        Some(target) if !is_met => format!("at most {target}: MISSED"),
        Some(target) => format!("at most {target}"),
        None => "none".to_owned(),
    };
    let [plain, checked] = [plain, checked].map(|time| time.as_secs_f64() * 1e6);
    println!("{label:<28} {plain:>9.1} us {checked:>9.1} us {ratio:>7.3}  {target}");
    is_met
}
