//! The project's own commands, as `cargo xtask <command>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its user")]

mod advisories;
mod axe;
mod demo;
mod failure;
mod interop;
mod metadata;
mod msrv;
mod node;
mod packages;
mod service;
mod step;
mod test;
mod tidy;
mod vectors;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo     the main job, shown offline: bundles issued, verified and drawn
  test     everything that CI runs; installs what is missing from Debian's packages
  vectors  writes the test vectors anew, where their recipes changed
  interop  bundles of the JavaScript reference, verified by ours
  tidy     the house rules: sizes and heads of files, links, manifests
  msrv     each crate with the oldest Rust that it declares, if that toolchain is here";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = enter_root().and_then(|()| match arguments.as_slice() {
        ["demo"] => demo::run_all(),
        ["test"] => test::closed(test::run_all),
        ["vectors"] => vectors::write(),
        ["interop"] => test::closed(interop::run_all),
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

/// All commands work from the root of the repository.
fn enter_root() -> Result<(), Failure> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().unwrap_or(manifest);
    env::set_current_dir(root).map_err(|error| Failure::new(format!("{}: {error}", root.display())))
}
