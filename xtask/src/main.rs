//! The commands of this repository: `cargo xtask <command>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands print their results")]

mod advisories;
mod archives;
mod axe;
mod benches;
mod blackbox;
mod demo;
mod failure;
mod feature_sets;
mod instructions;
mod interop;
mod metadata;
mod msrv;
mod node;
mod packages;
mod public_api;
mod quick_start;
mod release;
mod service;
mod soak;
mod step;
mod test;
mod tidy;
mod vectors;
mod wheels;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo           issues, verifies and inspects token bundles, and calls a service with one, offline
  test           runs everything that CI runs; installs missing packages on Debian
  release-check  checks archives, public APIs, pairs of features, the examples on their own and that benchmarks run
  vectors        writes the test vectors whose recipes changed
  interop        verifies bundles of the JavaScript reference, and those of kliento with it
  features       lints the published crates with sets of their features
  instructions   counts the instructions and allocations of the hot paths: [--update] writes the budgets
  soak           runs two portals under faults for an hour, and all interleavings: [--minutes N] [--seed S]
  quick-start    builds and runs the README's quick starts outside the workspace
  tidy           checks the repository rules: sizes and heads of files, links, manifests, tables of modules
  msrv           compiles each crate with the oldest Rust that it declares, if installed";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = enter_root().and_then(|()| match arguments.as_slice() {
        ["demo"] => demo::run_all(),
        ["test"] => test::with_test_count(test::run_all),
        ["release-check"] => {
            let outcome = release::check();
            step::print_times();
            outcome
        }
        ["quick-start"] => test::with_test_count(quick_start::run_all),
        ["vectors"] => vectors::write(),
        ["interop"] => test::with_test_count(interop::run_all),
        ["soak", options @ ..] => test::with_test_count(|count| soak::run_all(options, count)),
        ["instructions", options @ ..] => instructions::run_all(options),
        ["features"] => feature_sets::lint_few(),
        ["tidy"] => tidy::run(),
        ["msrv"] => msrv::run_all(),
        _ => Err(Failure::new(USAGE)),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Changes to the root of the repository, where all commands run.
fn enter_root() -> Result<(), Failure> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().unwrap_or(manifest);
    env::set_current_dir(root).map_err(|error| Failure::new(format!("{}: {error}", root.display())))
}
