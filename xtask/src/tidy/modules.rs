//! The rule of `ARCHITECTURE.md`: its tables have a row for each top-level module of a crate.

use std::fs;

/// What a table of modules begins with, before the path of the sources.
const TABLE: &str = "\n| in `";

/// Checks the tables of modules.
pub(super) fn check(document: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for table in document.split(TABLE).skip(1) {
        let Some((sources, rows)) = table.split_once('`') else { continue };
        match fs::read_to_string(format!("{sources}/lib.rs")) {
            Ok(root) => {
                let missing = missing(rows, &root).into_iter();
                violations.extend(missing.map(|name| format!("no row for {name} of {sources}")));
            }
            Err(error) => violations.push(format!("{sources}/lib.rs: {error}")),
        }
    }
    violations
}

/// Returns the modules that no row names in its first column.
fn missing<'a>(rows: &str, root: &'a str) -> Vec<&'a str> {
    let rows = rows.lines().skip(1).take_while(|row| row.starts_with('|'));
    let columns = rows.filter_map(|row| row.split('|').nth(1));
    let named: Vec<_> = columns.flat_map(|column| column.split('`').skip(1).step_by(2)).collect();
    let modules = root.lines().filter_map(|line| {
        let (visibility, name) = line.split_once("mod ")?;
        let is_module = visibility.is_empty() || visibility.starts_with("pub");
        name.strip_suffix(';').filter(|_| is_module)
    });
    modules
        .filter(|module| !named.iter().any(|name| name.trim_end_matches('/') == *module))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_modules_without_a_row() {
        let rows = " | |\n|---|---|\n| `a`, `b/` | and `c` |\n\n| `d` | |\n";
        let root = "//! mod e;\nmod a;\npub mod b;\n#[cfg(test)]\nmod c;\npub(crate) mod d;\n";
        assert_eq!(missing(rows, root), ["c", "d"]);
    }

    #[test]
    fn reports_unknown_sources() {
        assert_eq!(check("# A\n\n| in `missing/src` | |\n|---|---|\n").len(), 1);
    }
}
