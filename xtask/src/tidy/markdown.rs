//! The rules of documents: linked files exist.

use std::path::Path;

/// Checks the relative links of one document.
pub(super) fn check(path: &Path, text: &str) -> Vec<String> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let broken = links(text).filter(|link| !directory.join(link).exists());
    broken.map(|link| format!("links to {link}, which does not exist")).collect()
}

/// Returns the files that `[text](file#section)` links to, without URLs and links within the file.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next());
    let files = targets.filter_map(|target| target.split('#').next());
    files.filter(|file| !file.is_empty() && !file.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_linked_files() {
        let text = "[a](b.md) and [c](d/e.md#f), [g](#h), [i](https://example.com/), [`j`](k)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "d/e.md", "k"]);
    }

    #[test]
    fn reports_missing_files() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        assert!(check(&manifest, "[a](Cargo.toml)").is_empty());
        assert_eq!(check(&manifest, "[a](missing.toml)").len(), 1);
    }
}
