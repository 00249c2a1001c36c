//! Everything that CI runs, in the order in which failures are found soonest.

use std::env;
use std::process::Command;

use crate::failure::Failure;
use crate::step::{Count, cargo, run, run_tests};
use crate::{advisories, axe, interop, msrv, packages, tidy, vectors};

const CARGO_DENY: &str = "0.20.2";
const CARGO_HACK: &str = "0.6.46";

/// What others depend on, with whichever features.
const LIBRARIES: [&str; 4] =
    ["--package=veraid", "--package=kliento", "--package=kliento-tower", "--package=kleidia-tower"];

/// Runs all checks and tests, and stops at the first that fails.
pub(crate) fn run_all(count: &mut Count) -> Result<(), Failure> {
    checks()?;
    tests(count)?;
    interop::run_all(count)
}

/// Runs what counts tests, and closes with the count.
pub(crate) fn closed(run: impl FnOnce(&mut Count) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut count = Count::default();
    let outcome = run(&mut count);
    if outcome.is_err() {
        // What failed may be no test, or have ended before it could count.
        count.failed = count.failed.max(1);
    }
    let closing = format!("\n{} passed, {} failed", count.passed, count.failed);
    outcome.map_err(|failure| failure.closed_by(&closing))?;
    println!("{closing}");
    Ok(())
}

fn checks() -> Result<(), Failure> {
    run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    tidy::run()?;
    packages::install_missing(&packages::TESTS)?;
    run("lints", &mut lints())?;
    run("documentation", &mut documentation())?;
    run(
        "format of the fuzz targets",
        &mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
    )?;
    run("lints of the fuzz targets", &mut fuzz_lints())?;
    packages::install_subcommand("cargo-hack", CARGO_HACK)?;
    run("each set of features", &mut feature_sets())?;
    packages::install_subcommand("cargo-deny", CARGO_DENY)?;
    run("dependencies", &mut cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    advisories::check()?;
    msrv::run_all()
}

fn tests(count: &mut Count) -> Result<(), Failure> {
    vectors::check()?;
    axe::install()?;
    let mut all = cargo(&["test", "--workspace", "--all-features"]);
    run_tests("tests with all features", &mut all, count)?;
    let mut plain = cargo(&["test"]);
    plain.args(LIBRARIES);
    run_tests("tests with default features", &mut plain, count)
}

fn lints() -> Command {
    let what = ["clippy", "--workspace", "--all-targets", "--all-features"];
    let mut command = cargo(&what);
    command.args(["--", "-D", "warnings"]);
    command
}

/// The fuzz targets are outside the workspace, but are built beside what it has built already.
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

fn feature_sets() -> Command {
    let mut command = cargo(&["hack", "clippy", "--feature-powerset"]);
    command.args(["--depth", "2"]).args(LIBRARIES).args(["--", "-D", "warnings"]);
    command
}
