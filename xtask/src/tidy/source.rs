//! The rules of source files: a first line, a maximum length, and no paths of one machine.

/// The maximum length; most files have 80 to 300 lines.
const LINES: usize = 350;

/// Directories of a single machine, split so that this file does not violate the rule.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

/// Returns the lines that contain a path of one machine.
pub(super) fn machine_paths(text: &str) -> Vec<String> {
    let named = text.lines().enumerate().filter_map(|(number, line)| {
        let directory = MACHINE_PATHS.iter().find(|directory| contains_path(line, directory))?;
        Some(format!("line {}: contains the machine path {directory}", number + 1))
    });
    named.collect()
}

/// Returns whether an absolute path in the line begins with this directory.
fn contains_path(line: &str, directory: &str) -> bool {
    line.match_indices(directory).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-}/".contains(before))
    })
}

/// The rules of Rust files.
pub(super) fn check(text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    if !text.starts_with("//! ") {
        violations.push("does not begin with a //! sentence".to_owned());
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
    fn reports_machine_paths() {
        let directory = MACHINE_PATHS[0];
        assert_eq!(machine_paths(&format!("a\nsee {directory}me/x")).len(), 1);
        assert_eq!(machine_paths(&format!("\"{directory}me\"")).len(), 1);
        assert!(machine_paths(&format!("https://example.com{directory}x")).is_empty());
        assert!(machine_paths(&format!("target{directory}x")).is_empty());
    }

    #[test]
    fn checks_first_line_and_length() {
        assert!(check("//! A sentence.\n").is_empty());
        assert_eq!(check("use std;\n").len(), 1);
        assert_eq!(check(&format!("//! A sentence.\n{}", "\n".repeat(LINES))).len(), 1);
    }
}
