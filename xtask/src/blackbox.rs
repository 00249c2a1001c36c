//! Black-box cases against the built programs: see `blackbox/README.md`.

use std::process::Command;

use crate::archives::target_directory;
use crate::failure::Failure;
use crate::step::{Count, cargo, run, run_tests};

/// Builds the programs, and runs all cases.
pub(crate) fn run_all(count: &mut Count) -> Result<(), Failure> {
    let build = ["build", "--workspace", "--all-features", "--bins"];
    run("the programs", &mut cargo(&build))?;
    let mut cases = Command::new("python3");
    cases.arg("blackbox/run.py").env("PROGRAMS", target_directory().join("debug"));
    run_tests("black-box cases", &mut cases, count)
}
