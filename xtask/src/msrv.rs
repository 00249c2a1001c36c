//! Compiles each crate with the oldest Rust that it declares.

use std::process::Command;

use crate::failure::Failure;
use crate::metadata::{Metadata, Package, RustVersion};
use crate::step::{output, run};

/// Checks that no dependency declares a newer Rust than the crate that uses it, and compiles
/// each crate with the toolchain that it declares, if that is installed.
pub(crate) fn run_all() -> Result<(), Failure> {
    println!("\n=== oldest Rust");
    let metadata = Metadata::read()?;
    let toolchains = output(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    for package in metadata.members() {
        let Package { name, .. } = package;
        let Some(declared) = package.rust_version else {
            return Err(Failure::new(format!("{name} declares no rust-version")));
        };
        let newer = &package.newer;
        check_dependencies(&metadata, package, declared, |name| !newer.contains_key(name))?;
        println!("{name}: no dependency declares a newer Rust than {declared}");
        for (dependency, version) in newer {
            check_dependencies(&metadata, package, *version, |name| name == dependency)?;
            println!("{name}: except for the optional {dependency}, which declares {version}");
        }
        match toolchain(&toolchains, declared) {
            Some(toolchain) => compile(package, toolchain)?,
            None => println!("{name}: compiling SKIPPED, Rust {declared} is not installed"),
        }
    }
    Ok(())
}

fn check_dependencies(
    metadata: &Metadata,
    package: &Package,
    declared: RustVersion,
    includes: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let dependencies = metadata.built_with(package, includes);
    let newest = dependencies.iter().max_by_key(|dependency| dependency.rust_version);
    match newest.and_then(|newest| Some((&newest.name, newest.rust_version?))) {
        Some((name, version)) if version > declared => Err(Failure::new(format!(
            "{} declares Rust {declared}, but its dependency {name} declares {version}",
            package.name
        ))),
        _ => Ok(()),
    }
}

/// Returns the name of an installed toolchain with this version.
fn toolchain(toolchains: &str, version: RustVersion) -> Option<&str> {
    let mut names = toolchains.lines().filter_map(|line| line.split_whitespace().next());
    names.find(|name| {
        RustVersion::parse(name) == Some(version) || {
            // `1.87-x86_64-unknown-linux-gnu` has no patch level.
            name.split_once('-')
                .is_some_and(|(number, _)| RustVersion::parse(number) == Some(version))
        }
    })
}

fn compile(package: &Package, toolchain: &str) -> Result<(), Failure> {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "cargo", "check", "--package", &package.name]);
    // Features that need a newer Rust are excluded.
    if package.newer.is_empty() {
        command.arg("--all-features");
    }
    command.env("CARGO_TARGET_DIR", format!("target/{toolchain}"));
    run(&format!("{} with Rust {toolchain}", package.name), &mut command)
}
