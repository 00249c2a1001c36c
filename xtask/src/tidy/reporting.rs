//! The rules of reports and of background work, which must not change a response.
//!
//! Clippy's `disallowed-methods` and `disallowed-macros` have no exemption for tests, which may spawn
//! and print. So these rules read the text of sources, without their tests.

use std::path::Path;

/// The published libraries: their reports survive a subscriber that panics.
const LIBRARIES: [&str; 5] = ["http-guard", "kleidia-tower", "kliento-tower", "kliento", "veraid"];
/// The programs whose output is text.
const PRINTING: [&str; 4] = ["benches", "fuzz", "vectors", "xtask"];

/// What starts background work.
const SPAWNING: [&str; 7] = [
    "tokio::spawn(",
    "task::spawn(",
    "thread::spawn(",
    "thread::Builder",
    "Builder::new().name(",
    "runtime.spawn(",
    "connections.spawn(",
];
/// The macros of `tracing` and `metrics`.
const REPORTING: [&str; 9] = [
    "tracing::trace!",
    "tracing::debug!",
    "tracing::info!",
    "tracing::warn!",
    "tracing::error!",
    "tracing::event!",
    "metrics::counter!",
    "metrics::gauge!",
    "metrics::histogram!",
];
const PRINTS: [&str; 5] = ["println!(", "eprintln!(", "print!(", "eprint!(", "dbg!("];
/// What logs the request target as the client sent it.
const UNBOUNDED: [&str; 1] = ["DefaultMakeSpan"];

/// Checks a Rust file.
pub(super) fn check(path: &Path, text: &str) -> Vec<String> {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    let Some(first) = parts.next() else { return Vec::new() };
    if PRINTING.contains(&first) || !parts.any(|part| part == "src") || is_test(path) {
        return Vec::new();
    }
    let is_library = LIBRARIES.contains(&first) && !path.starts_with("kliento/src/bin");
    let mut violations = Vec::new();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("//") || line.starts_with("use ") {
            continue;
        }
        let contains = |words: &[&str]| words.iter().any(|word| contains_word(line, word));
        let before = lines.get(index.saturating_sub(4)..index).unwrap_or_default();
        let has_comment = |word: &str| before.iter().any(|line| line.starts_with(word));
        let is_isolated = contains(&["isolate("]) || has_comment("// Isolated:");
        let mut violation = |text: &str| violations.push(format!("line {}: {text}", index + 1));
        if contains(&SPAWNING) && !has_comment("// Supervised:") {
            violation(
                "spawns without a comment `// Supervised: ...` that says who handles a panic",
            );
        }
        if is_library && contains(&REPORTING) && !is_isolated {
            violation("reports without `http_guard::event!` or a comment `// Isolated: ...`");
        }
        if contains(&PRINTS) {
            violation("prints, which panics or waits if nobody reads: use `http_guard::log`");
        }
        if contains(&UNBOUNDED) {
            violation("logs untrusted text without `log_text`");
        }
    }
    violations
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// Returns whether the line contains the word, and not as the end of a longer one.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(Path::new(path), text).len()
    }

    #[test]
    fn background_work_has_a_supervisor() {
        let spawning = "    tokio::spawn(work());\n";
        assert_eq!(count("kleidia-tower/src/a.rs", spawning), 1);
        assert_eq!(count("examples/portal/src/a.rs", spawning), 1);
        assert_eq!(count("kleidia-tower/tests/a.rs", spawning), 0);
        assert_eq!(
            count("kleidia-tower/src/a.rs", &format!("// Supervised: it is awaited.\n{spawning}")),
            0
        );
        let test = format!("#[cfg(test)]\nmod tests {{\n{spawning}}}\n");
        assert_eq!(count("kleidia-tower/src/a.rs", &test), 0);
    }

    #[test]
    fn reports_of_libraries_are_isolated() {
        let reporting = "    tracing::info!(a, \"b\");\n";
        assert_eq!(count("http-guard/src/a.rs", reporting), 1);
        assert_eq!(count("http-guard/src/a.rs", "    event!(info, a, \"b\");\n"), 0);
        assert_eq!(count("http-guard/src/a.rs", "/// tracing::info!(a);\n"), 0);
        assert_eq!(count("kliento/src/bin/kliento/a.rs", reporting), 0);
        assert_eq!(count("examples/portal/src/a.rs", reporting), 0);
    }

    #[test]
    fn programs_do_not_print() {
        assert_eq!(count("examples/portal/src/a.rs", "    eprintln!(\"a\");\n"), 1);
        assert_eq!(count("xtask/src/a.rs", "    eprintln!(\"a\");\n"), 0);
        assert_eq!(count("examples/portal/build.rs", "    println!(\"a\");\n"), 0);
    }
}
