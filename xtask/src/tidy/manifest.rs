//! The rules of manifests: an oldest Rust, and a reason for every dependency.

/// Checks one `Cargo.toml`.
pub(super) fn check(text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let is_package = text.lines().any(|line| line == "[package]");
    if is_package && !text.lines().any(|line| line.starts_with("rust-version")) {
        violations.push("declares no rust-version".to_owned());
    }
    let (mut table, mut before) = ("", "");
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
        } else if is_unexplained(table, before, line) {
            violations.push(format!("a comment with the reason is missing above: {line}"));
        }
        before = line;
    }
    violations
}

/// Returns whether the line is an external dependency without a comment above.
fn is_unexplained(table: &str, before: &str, line: &str) -> bool {
    // Tables of metadata state their reasons as values.
    let is_table = table.ends_with("dependencies") && !table.contains("metadata");
    let is_dependency = line.contains('=') && !line.starts_with('#');
    let is_internal = line.contains("workspace = true") || line.contains("path = ");
    is_table && is_dependency && !is_internal && !before.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_have_reasons() {
        let head = "[package]\nrust-version = \"1.87\"\n";
        let check = |rest: &str| check(&format!("{head}{rest}")).len();
        assert_eq!(check("[dependencies]\n# Why.\na = \"1\"\nveraid.workspace = true\n"), 0);
        assert_eq!(check("[dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n"), 1);
        assert_eq!(check("[target.'cfg(unix)'.dev-dependencies]\nb = { version = \"1\" }\n"), 1);
        assert_eq!(check("[features]\na = []\n"), 0);
        assert_eq!(check("[package.metadata.public-dependencies]\na = \"Why.\"\n"), 0);
    }

    #[test]
    fn packages_declare_the_oldest_rust() {
        assert_eq!(check("[package]\nname = \"a\"\n").len(), 1);
        assert!(check("[workspace]\nmembers = []\n").is_empty());
    }
}
