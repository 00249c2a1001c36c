//! The repository rules that the compiler does not check.

mod manifest;
mod markdown;
mod modules;
mod recorded_values;
mod recorded_values_list;
mod reporting;
mod source;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::step::output;

/// Checks every tracked file, and lists the violations.
pub(crate) fn run() -> Result<(), Failure> {
    println!("\n=== repository rules\n$ cargo xtask tidy");
    let mut violations = Vec::new();
    let list = output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others"])
            .args(["--exclude-standard", "-z"]),
    )?;
    let mut files = 0;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        // Binary files have no rules.
        if let Ok(text) = fs::read_to_string(name) {
            violations.extend(check(Path::new(name), &text));
            files += 1;
        }
    }
    if violations.is_empty() {
        println!("--- repository rules: {files} files");
        return Ok(());
    }
    Err(Failure::new(violations.join("\n")).with_rerun_command("cargo xtask tidy"))
}

fn check(path: &Path, text: &str) -> Vec<String> {
    let mut violations = source::machine_paths(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => {
            violations.extend(source::check(text));
            violations.extend(reporting::check(path, text));
        }
        Some("md") => {
            violations.extend(markdown::check(path, text));
            if path == Path::new("ARCHITECTURE.md") {
                violations.extend(modules::check(text));
            }
        }
        Some("toml") if path.ends_with("Cargo.toml") => violations.extend(manifest::check(text)),
        _ => {}
    }
    violations.into_iter().map(|violation| format!("{}: {violation}", path.display())).collect()
}
