//! The house rules that no compiler knows.

mod manifest;
mod markdown;
mod source;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::step::output;

/// Checks every file that is tracked, and lists all that breaks a rule.
pub(crate) fn run() -> Result<(), Failure> {
    println!("\n=== house rules\n$ cargo xtask tidy");
    let mut offences = Vec::new();
    let list = output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others"])
            .args(["--exclude-standard", "-z"]),
    )?;
    let mut files = 0;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        // What is no text has no rules.
        if let Ok(text) = fs::read_to_string(name) {
            offences.extend(check(Path::new(name), &text));
            files += 1;
        }
    }
    if offences.is_empty() {
        println!("--- house rules: {files} files");
        return Ok(());
    }
    Err(Failure::new(offences.join("\n")).repeated_by("cargo xtask tidy"))
}

fn check(path: &Path, text: &str) -> Vec<String> {
    let mut offences = source::places(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => offences.extend(source::check(text)),
        Some("md") => offences.extend(markdown::check(path, text)),
        Some("toml") if path.ends_with("Cargo.toml") => offences.extend(manifest::check(text)),
        _ => {}
    }
    offences.into_iter().map(|offence| format!("{}: {offence}", path.display())).collect()
}
