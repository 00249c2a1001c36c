//! The checks of a release, in addition to those of every change.

use std::process::Command;

use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::step::{cargo, output, run};
use crate::{archives, benches, feature_sets, packages, public_api, quick_start};

/// Runs all checks of a release, and stops at the first that fails.
pub(crate) fn check() -> Result<(), Failure> {
    let metadata = Metadata::read()?;
    public_api::check(&metadata)?;
    build_archives(&metadata)?;
    archives::test_documentation()?;
    quick_start::check_examples()?;
    compare_with_last_release()?;
    feature_sets::lint_pairs(&metadata)?;
    let mut default_features = cargo(&["test"]);
    let published = metadata.members().filter(|package| package.is_published);
    default_features.args(published.map(|package| format!("--package={}", package.name)));
    default_features.env("KLEIDIA_MODEL_SEED", "random");
    run("tests with default features", &mut default_features)?;
    // Every change runs fewer operations on PostgreSQL.
    let mut model = cargo(&["test", "--package=kleidia-tower", "--all-features", "--test=model"]);
    model.env("KLEIDIA_MODEL_SEED", "random").env("KLEIDIA_MODEL_OPERATIONS", "20000");
    run("model test in full length", &mut model)?;
    benches::run_once(&metadata)
}

/// Builds each crate from the archives, and uploads nothing.
fn build_archives(metadata: &Metadata) -> Result<(), Failure> {
    // cargo takes a version that it has unpacked or built once to be the same forever.
    for package in metadata.members().filter(|package| package.is_published) {
        archives::remove_unpacked(package)?;
    }
    let target = archives::target_directory().join("archives-check");
    archives::remove_directory(&target)?;
    let mut publish = cargo(&["publish", "--workspace", "--dry-run", "--allow-dirty"]);
    run("archives", publish.arg("--target-dir").arg(&target))?;
    archives::remove_directory(&target)
}

/// Checks that the versions match the breaking changes since the last tag.
fn compare_with_last_release() -> Result<(), Failure> {
    let tag = output(Command::new("git").args(["describe", "--tags", "--abbrev=0"]));
    let Ok(tag) = tag else {
        println!("\n=== compatibility: SKIPPED, there is no release yet");
        return Ok(());
    };
    packages::install_subcommand(&packages::CARGO_SEMVER_CHECKS)?;
    let arguments = ["semver-checks", "--workspace", "--all-features", "--baseline-rev"];
    run("compatibility", cargo(&arguments).arg(tag.trim()))
}
