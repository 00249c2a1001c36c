//! The rules of reports and of background work that clippy cannot check.
//!
//! `clippy.toml` lists what starts background work and what reports without isolation. Those lints
//! are on in the roots of libraries and programs only, since tests may spawn. This file checks the
//! roots; `recorded_values` checks that untrusted text is bounded.

use std::path::Path;

use super::recorded_values;

/// The libraries: their reports survive a subscriber that panics.
const LIBRARIES: [&str; 6] =
    ["http-guard", "kleidia-tower", "kliento", "kliento-core", "kliento-tower", "veraid"];
/// The directories of programs that are not services.
const TOOLS: [&str; 4] = ["benches", "fuzz", "vectors", "xtask"];

/// What turns the lints on.
const LIBRARY_LINTS: &str =
    "#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]";
const PROGRAM_LINTS: &str = "#![cfg_attr(not(test), warn(clippy::disallowed_methods))]";
/// What logs the request target as the client sent it.
const UNBOUNDED: &str = "DefaultMakeSpan";
/// What runs an operation of a store without the metric of its duration.
const UNMEASURED: &str = ".write(Operation::new(";

/// Checks a Rust file.
pub(super) fn check(path: &Path, text: &str) -> Vec<String> {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    let Some(first) = parts.next() else { return Vec::new() };
    if TOOLS.contains(&first) || !parts.any(|part| part == "src") || is_test(path) {
        return Vec::new();
    }
    let mut violations = Vec::new();
    let lints = if LIBRARIES.contains(&first) && path.ends_with("src/lib.rs") {
        LIBRARY_LINTS
    } else {
        PROGRAM_LINTS
    };
    if is_root(path) && !text.lines().any(|line| line == lints) {
        violations.push(format!("does not contain {lints}"));
    }
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    for (index, line) in code.lines().enumerate() {
        if is_store_trait(path) && line.contains(UNMEASURED) {
            violations.push(format!("line {}: not measured: call `Measured::run`", index + 1));
        }
        if line.contains(UNBOUNDED) && !line.trim_start().starts_with("use ") {
            violations.push(format!("line {}: logs untrusted text without `log_text`", index + 1));
        }
    }
    violations.extend(recorded_values::check(path, code));
    violations
}

/// Returns whether the file implements a store trait for all stores.
fn is_store_trait(path: &Path) -> bool {
    path.parent() == Some(Path::new("kleidia-tower/src/store"))
}

/// Returns whether the file is the root of a library or of a program.
fn is_root(path: &Path) -> bool {
    path.ends_with("lib.rs")
        || path.ends_with("main.rs")
        || path.parent().is_some_and(|directory| directory.ends_with("src/bin"))
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(Path::new(path), text).len()
    }

    #[test]
    fn roots_turn_the_lints_on() {
        assert_eq!(count("kliento/src/lib.rs", &format!("{LIBRARY_LINTS}\n")), 0);
        assert_eq!(count("kliento/src/lib.rs", &format!("{PROGRAM_LINTS}\n")), 1);
        assert_eq!(count("examples/portal/src/main.rs", &format!("{PROGRAM_LINTS}\n")), 0);
        assert_eq!(count("examples/kliento-tonic/src/bin/client.rs", "\n"), 1);
        assert_eq!(count("kliento/src/bin/kliento/main.rs", "\n"), 1);
        assert_eq!(count("kleidia-tower/src/store/a.rs", "self.write(Operation::new(\n"), 1);
        assert_eq!(count("kleidia-tower/src/store/a.rs", "self.run(Operation::new(\n"), 0);
        assert_eq!(count("http-guard/src/serve/body.rs", "\n"), 0);
        assert_eq!(count("xtask/src/main.rs", "\n"), 0);
    }
}
