//! What authentication costs in Envoy: external authorization by `kliento serve`, and Envoy's own
//! filter for JSON Web Tokens of RS256, relative to no authentication.
//!
//! Three proxies with one worker each are measured alternately. They respond themselves, so the
//! ratios are those of a service that costs nothing. The bundle is known after the first request;
//! Envoy verifies the signature of the JSON Web Token each time.
//!
//! It builds the program. Envoy is where `cargo xtask test` puts it: see `benches/README.md`. Client,
//! proxies and `kliento serve` share the processors, so the ratio of external authorization is lower
//! on a machine with fewer than four.
//! The peers have other headers: a bundle is some 8 KiB, and a JSON Web Token less than one.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod filters;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use benches::{Bundle, Load, build_kliento, median, rounds};
use test_servers::EnvoyServer;
use tokio::runtime::{Builder, Runtime};

use self::filters::{EXT_AUTHZ, jwt_authn};

const CONFIGURATION: &str = include_str!("envoy.yaml");
/// The time for which one proxy is measured before the next.
const SLICE: Duration = Duration::from_millis(500);

fn main() {
    let bundle = Bundle::reference("member-user");
    let kliento = Kliento::start(&bundle);
    let (jwt_authn, bearer) = jwt_authn();
    let start = |filter: &str| {
        let configuration = CONFIGURATION.replace("# FILTER", filter);
        EnvoyServer::start(&configuration, 8000, &[(9000, kliento.port)])
    };
    let proxies = ["", &jwt_authn, EXT_AUTHZ].map(start).map(|proxy| proxy.expect("Envoy"));
    let credentials = [&bundle.header, &bearer, &bundle.header];
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    println!("{:<28} {:>12} {:>7}  to jwt_authn", "64 connections", "throughput", "ratio");
    measure(&runtime, &proxies, credentials, Load::new);
    println!("\n{:<28} {:>12} {:>7}  to jwt_authn", "one connection", "throughput", "ratio");
    measure(&runtime, &proxies, credentials, Load::single);
}

/// Prints the requests per second of the proxies.
fn measure<'r>(
    runtime: &'r Runtime,
    proxies: &[EnvoyServer; 3],
    credentials: [&String; 3],
    load: impl Fn(&'r Runtime, SocketAddr, &str) -> Load<'r>,
) {
    let loads: Vec<_> = proxies
        .iter()
        .zip(credentials)
        .map(|(proxy, credentials)| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, proxy.port()));
            load(runtime, address, &format!("Authorization: {credentials}"))
        })
        .collect();
    let mut figures = [const { Vec::new() }; 3];
    for round in 0..rounds(30) {
        for position in 0..loads.len() {
            // The order alternates, so that load on the machine affects all.
            let index = if round % 2 == 0 { position } else { loads.len() - 1 - position };
            figures[index].push(loads[index].throughput(SLICE));
        }
    }
    let [plain, jwt_authn, ext_authz] = figures.map(median);
    for (label, figure) in
        [("none", plain), ("jwt_authn, RS256", jwt_authn), ("ext_authz", ext_authz)]
    {
        let ratios = (figure / plain, figure / jwt_authn);
        println!("{label:<28} {figure:>10.0}/s {:>7.3} {:>7.3}", ratios.0, ratios.1);
    }
}

/// A process of `kliento serve`, which is killed when it is dropped.
struct Kliento {
    process: Child,
    port: u16,
}

impl Kliento {
    fn start(bundle: &Bundle) -> Self {
        let mut command = Command::new(build_kliento());
        command.args(["serve", "--listen", "127.0.0.1:0", "--ext-authz", "127.0.0.1:0"]);
        command.args(["--audience", &bundle.audience, "--at", &bundle.at.to_string()]);
        for anchor in &bundle.trust_anchors {
            command.args(["--trust-anchor", &anchor.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the program, built before");
        let lines = BufReader::new(process.stdout.as_mut().expect("a pipe")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.strip_prefix("listening for Envoy on ")?.rsplit(':').next()?.parse().ok()
        });
        Self { process, port: port.expect("a port") }
    }
}

impl Drop for Kliento {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
