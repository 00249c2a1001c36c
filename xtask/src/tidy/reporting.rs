//! The rules of reports and of background work that clippy cannot check.
//!
//! `clippy.toml` lists what starts background work and what reports without isolation. Those lints
//! are on in the roots of libraries and programs only, since tests may spawn. This file checks the
//! roots, and that untrusted text is bounded.

use std::path::Path;

/// The libraries: their reports survive a subscriber that panics.
const LIBRARIES: [&str; 5] = ["http-guard", "kleidia-tower", "kliento-tower", "kliento", "veraid"];
/// The directories of programs that are not services.
const TOOLS: [&str; 4] = ["benches", "fuzz", "vectors", "xtask"];

/// What turns the lints on.
const LIBRARY_LINTS: &str =
    "#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]";
const PROGRAM_LINTS: &str = "#![cfg_attr(not(test), warn(clippy::disallowed_methods))]";
/// What logs the request target as the client sent it.
const UNBOUNDED: &str = "DefaultMakeSpan";
/// The values that events may record by `Display` or `Debug`: they contain no untrusted text, or
/// bound it. Others go through `log_text`.
const RECORDED: [&str; 12] = [
    "delay",
    "error",
    "expiry",
    "failure",
    "keys",
    "path",
    "peer",
    "Rejection",
    "rejection",
    "self",
    "skipped",
    "valid_until",
];

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
    let mut event_indent = None;
    for (index, line) in code.lines().enumerate() {
        let (indent, line) = (line.len() - line.trim_start().len(), line.trim());
        if line.starts_with("//") || line.starts_with("use ") {
            continue;
        }
        let mut violation = |text: &str| violations.push(format!("line {}: {text}", index + 1));
        if line.contains(UNBOUNDED) {
            violation("logs untrusted text without `log_text`");
        }
        if is_event(line) {
            event_indent = Some(indent);
        }
        if event_indent.is_some() && recorded(line).any(|name| !RECORDED.contains(&name)) {
            violation("records a value that may be untrusted: use `log_text`");
        }
        if line.ends_with(';') || event_indent.is_some_and(|start| indent < start) {
            event_indent = None;
        }
    }
    violations
}

/// Returns whether the file is the root of a library or of a program.
fn is_root(path: &Path) -> bool {
    path.ends_with("lib.rs")
        || path.ends_with("main.rs")
        || path.parent().is_some_and(|directory| directory.ends_with("src/bin"))
}

/// Returns whether an event begins in the line.
fn is_event(line: &str) -> bool {
    [
        "event!(",
        "tracing::trace!(",
        "tracing::debug!(",
        "tracing::info!(",
        "tracing::warn!(",
        "tracing::error!(",
    ]
    .iter()
    .any(|start| line.contains(start))
}

/// Returns the names of the values that `%value` and `?value` record: the last part of a path.
fn recorded(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let starts = line.char_indices().filter(move |(_, character)| {
        quoted ^= *character == '"';
        !quoted && matches!(character, '%' | '?')
    });
    starts.filter_map(|(start, _)| {
        let before = line.get(..start)?.chars().next_back();
        let name = line.get(start + 1..)?;
        let length = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        // Elsewhere they are operators.
        let is_sigil = before.is_none_or(|before| " (".contains(before)) && length > 0;
        is_sigil.then(|| name.get(..length)).flatten()
    })
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
        assert_eq!(count("examples/kliento-tonic/src/bin/server.rs", "\n"), 1);
        assert_eq!(count("kliento/src/bin/kliento/main.rs", "\n"), 1);
        assert_eq!(count("http-guard/src/serve/run.rs", "\n"), 0);
        assert_eq!(count("xtask/src/main.rs", "\n"), 0);
    }

    #[test]
    fn untrusted_values_are_bounded() {
        let path = "kleidia-tower/src/a.rs";
        assert_eq!(count(path, "    event!(warn, %error, ?peer, \"100 %done\");\n"), 0);
        assert_eq!(count(path, "    event!(warn, %user_agent, \"a\");\n"), 1);
        assert_eq!(count(path, "    event!(\n        warn,\n        name = %name,\n    );\n"), 1);
        assert_eq!(count(path, "    event!(warn, name = log_text(name), \"a\");\n"), 0);
        assert_eq!(count(path, "    let rest = a %b;\n"), 0);
        assert_eq!(count("kleidia-tower/tests/a.rs", "    event!(warn, %name);\n"), 0);
    }
}
