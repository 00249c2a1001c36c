//! The rules of source files: how they begin, how long they are, and what they don't say.

/// Files are for reading at once: most have 80 to 300 lines.
const LINES: usize = 350;

/// Directories that only one machine has. In pieces, so that this file does not break the rule.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

/// The places of one machine that the text names.
pub(super) fn machine_paths(text: &str) -> Vec<String> {
    let named = text.lines().enumerate().filter_map(|(number, line)| {
        let place = MACHINE_PATHS.iter().find(|place| names(line, place))?;
        Some(format!("line {}: names the place {place} of one machine", number + 1))
    });
    named.collect()
}

/// Whether an absolute path in the line begins with the place.
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-}/".contains(before))
    })
}

/// The rules of Rust files.
pub(super) fn check(text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    if !text.starts_with("//! ") {
        violations.push("does not begin with a //! sentence that says what lives here".to_owned());
    }
    let lines = text.lines().count();
    if lines > LINES {
        violations.push(format!("has {lines} lines, more than {LINES}"));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_places_are_seen() {
        let place = MACHINE_PATHS[0];
        assert_eq!(machine_paths(&format!("a\nsee {place}me/x")).len(), 1);
        assert_eq!(machine_paths(&format!("\"{place}me\"")).len(), 1);
        assert!(machine_paths(&format!("https://example.com{place}x")).is_empty());
        assert!(machine_paths(&format!("target{place}x")).is_empty());
    }

    #[test]
    fn heads_and_lengths_are_checked() {
        assert!(check("//! A sentence.\n").is_empty());
        assert_eq!(check("use std;\n").len(), 1);
        assert_eq!(check(&format!("//! A sentence.\n{}", "\n".repeat(LINES))).len(), 1);
    }
}
