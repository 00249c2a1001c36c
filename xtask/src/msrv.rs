//! Each crate with the oldest Rust that it declares.

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
        check_dependencies(&metadata, package, declared)?;
        println!("{name}: no dependency declares a newer Rust than {declared}");
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
) -> Result<(), Failure> {
    let dependencies = metadata.built_with(package);
    let newest = dependencies.iter().max_by_key(|dependency| dependency.rust_version);
    match newest.and_then(|newest| Some((&newest.name, newest.rust_version?))) {
        Some((name, version)) if version > declared => Err(Failure::new(format!(
            "{} declares Rust {declared}, but {name}, which it is built with, {version}",
            package.name
        ))),
        _ => Ok(()),
    }
}

/// The name of an installed toolchain of that version.
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
    command.args(["run", toolchain, "cargo", "check", "--all-features"]);
    command.args(["--package", &package.name]);
    command.env("CARGO_TARGET_DIR", format!("target/{toolchain}"));
    run(&format!("{} with Rust {toolchain}", package.name), &mut command)
}
