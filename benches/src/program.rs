//! The `kliento` program, for benchmarks of its services.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::is_measured;

/// Builds `kliento` with the profile of this benchmark, and returns its path.
#[must_use]
pub fn build_kliento() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    // The bench is `TARGET/PROFILE/deps/NAME`.
    let bench = env::current_exe().expect("a program");
    let target = bench.ancestors().nth(3).expect("a target directory");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--workspace", "--all-features"]);
    cargo.args(["--bin", "kliento", "--manifest-path", manifest]);
    let profile = if is_measured() {
        cargo.arg("--release");
        "release"
    } else {
        "debug"
    };
    let built = cargo.arg("--target-dir").arg(target).status().expect("cargo starts");
    assert!(built.success(), "kliento is not built");
    target.join(profile).join("kliento")
}
