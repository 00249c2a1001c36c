//! Checks which types of dependencies are in the public APIs of published crates.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use crate::step::{cargo, run};

/// Checks that a type of a dependency below version 1 is in a public API only if
/// `[package.metadata.public-dependencies]` contains a reason: a new minor version of such a dependency
/// breaks the users of the crate.
pub(crate) fn check(metadata: &Metadata) -> Result<(), Failure> {
    let mut violations = Vec::new();
    for package in metadata.members().filter(|package| package.is_published) {
        run(&format!("public API of {}", package.name), &mut rustdoc(&package.name))?;
        let exposed = external_crates(&read_documentation(&package.name)?);
        let unstable: BTreeSet<&str> = exposed
            .iter()
            .filter_map(|name| metadata.unstable_dependency(package, name))
            .filter(|name| !metadata.members().any(|member| member.name == *name))
            .collect();
        violations.extend(compare(package, &unstable));
    }
    if violations.is_empty() { Ok(()) } else { Err(Failure::new(violations.join("\n"))) }
}

fn compare(package: &Package, unstable: &BTreeSet<&str>) -> Vec<String> {
    let name = &package.name;
    let listed = |dependency: &&&str| !package.public.contains_key(**dependency);
    let unlisted = unstable.iter().filter(listed).map(|dependency| {
        format!("{name}: types of {dependency} are in the public API, but public-dependencies does not list it")
    });
    let unused = package.public.keys().filter(|listed| !unstable.contains(listed.as_str()));
    let unused = unused.map(|dependency| {
        format!(
            "{name}: public-dependencies lists {dependency}, but no type of it is in the public API"
        )
    });
    unlisted.chain(unused).collect()
}

/// Returns the command that writes documentation as JSON, an unstable feature.
fn rustdoc(package: &str) -> Command {
    let mut command = cargo(&["rustdoc", "--package", package, "--lib", "--all-features"]);
    command.args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

fn read_documentation(package: &str) -> Result<Value, Failure> {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let file = Path::new(&target).join("doc").join(package.replace('-', "_") + ".json");
    let json = serde_json::from_str(&fs::read_to_string(file)?);
    json.map_err(|error| Failure::new(format!("documentation of {package}: {error}")))
}

/// Returns the crates whose items the public items of a crate refer to.
fn external_crates(documentation: &Value) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let items = documentation.get("index").and_then(Value::as_object).into_iter().flatten();
    for (_, item) in items {
        let inner = item.get("inner").unwrap_or(&Value::Null);
        if item.get("crate_id").and_then(Value::as_u64) == Some(0) && !is_derived_impl(inner) {
            collect_ids(inner, &mut ids);
        }
    }
    let crate_name = |id: &u64| {
        let path = documentation.get("paths")?.get(id.to_string())?;
        // Paths with `__` are for the expansion of macros. They are not part of the public API.
        let segments = path.get("path").and_then(Value::as_array).into_iter().flatten();
        if segments.filter_map(Value::as_str).any(|segment| segment.starts_with("__")) {
            return None;
        }
        let number = path.get("crate_id")?.as_u64().filter(|number| *number != 0)?;
        let external = documentation.get("external_crates")?.get(number.to_string())?;
        Some(external.get("name")?.as_str()?.to_owned())
    };
    ids.iter().filter_map(crate_name).collect()
}

/// Returns whether an impl is a blanket or an auto trait impl.
fn is_derived_impl(inner: &Value) -> bool {
    let Some(inner) = inner.get("impl") else { return false };
    let is_blanket = inner.get("blanket_impl").is_some_and(|blanket| !blanket.is_null());
    is_blanket || inner.get("is_synthetic").and_then(Value::as_bool) == Some(true)
}

/// Collects the ids of the items that paths in a signature refer to.
fn collect_ids(value: &Value, ids: &mut BTreeSet<u64>) {
    match value {
        Value::Object(members) => {
            let is_path = members.contains_key("path") || members.contains_key("source");
            if let (true, Some(id)) = (is_path, members.get("id").and_then(Value::as_u64)) {
                ids.insert(id);
            }
            members.values().for_each(|member| collect_ids(member, ids));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_ids(element, ids)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_crates_in_signatures_and_not_in_blanket_impls() {
        let path = |id: u64| json!({ "resolved_path": { "path": "T", "id": id, "args": null } });
        let documentation = json!({
            "index": {
                "1": { "crate_id": 0, "inner": { "function": { "sig": { "output": path(10) } } } },
                "2": { "crate_id": 0, "inner": { "impl": {
                    "blanket_impl": path(11), "is_synthetic": false, "trait": path(11),
                } } },
                "3": { "crate_id": 7, "inner": { "function": { "sig": { "output": path(12) } } } },
                "4": { "crate_id": 0, "inner": { "use": { "source": "a::B", "id": 13 } } },
            },
            "paths": {
                "10": { "crate_id": 1 }, "11": { "crate_id": 2 },
                "12": { "crate_id": 3 }, "13": { "crate_id": 4 },
            },
            "external_crates": {
                "1": { "name": "a" }, "2": { "name": "b" },
                "3": { "name": "c" }, "4": { "name": "d" },
            },
        });
        let found: Vec<String> = external_crates(&documentation).into_iter().collect();
        assert_eq!(found, ["a", "d"]);
    }
}
