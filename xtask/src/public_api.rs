//! Checks which types of dependencies are in the public APIs of published crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use crate::step::{cargo, run};

/// The documentation of each published crate, by the name of its library.
type Documentation = BTreeMap<String, Value>;

/// Checks that a type of a dependency below version 1 is in a public API only if
/// `[package.metadata.public-dependencies]` contains a reason: a new minor version of such a
/// dependency breaks the users of the crate. The API of a crate includes what it re-exports of
/// another one.
pub(crate) fn check(metadata: &Metadata) -> Result<(), Failure> {
    let (mut violations, mut all) = (Vec::new(), Documentation::new());
    for package in metadata.members().filter(|package| package.is_published) {
        run(&format!("public API of {}", package.name), &mut rustdoc(&package.name))?;
        all.insert(library(&package.name), read_documentation(&package.name)?);
    }
    for package in metadata.members().filter(|package| package.is_published) {
        let exposed = exposed_crates(&all, &library(&package.name));
        let unstable: BTreeSet<&str> = exposed
            .iter()
            .filter_map(|name| metadata.unstable_dependency(package, name))
            .filter(|name| !metadata.members().any(|member| member.name == *name))
            .collect();
        violations.extend(compare(package, &unstable));
    }
    if violations.is_empty() { Ok(()) } else { Err(Failure::new(violations.join("\n"))) }
}

fn library(package: &str) -> String {
    package.replace('-', "_")
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
    let file = Path::new(&target).join("doc").join(library(package) + ".json");
    let json = serde_json::from_str(&fs::read_to_string(file)?);
    json.map_err(|error| Failure::new(format!("documentation of {package}: {error}")))
}

/// Returns the crates whose items the public items of a library refer to, and those that the items
/// refer to that it re-exports of other published crates.
fn exposed_crates(all: &Documentation, library: &str) -> BTreeSet<String> {
    let Some(documentation) = all.get(library) else { return BTreeSet::new() };
    let mut ids = BTreeSet::new();
    let items = documentation.get("index").and_then(Value::as_object).into_iter().flatten();
    let local = items.filter(|(_, item)| item.get("crate_id").and_then(Value::as_u64) == Some(0));
    let mut pending = Vec::new();
    for inner in local.filter_map(|(_, item)| item.get("inner")) {
        if !is_derived_impl(inner) {
            collect_ids(inner, &mut ids);
            pending.extend(re_exported(documentation, inner));
        }
    }
    let mut exposed: BTreeSet<_> =
        ids.iter().filter_map(|id| external_crate(documentation, *id)).collect();
    let mut visited = BTreeSet::new();
    while let Some((library, path)) = pending.pop() {
        let Some(documentation) = all.get(&library) else { continue };
        if let Some(id) = find_item(documentation, &path)
            && visited.insert((library, id))
        {
            let mut ids = BTreeSet::new();
            visit_item(documentation, id, &mut ids, &mut pending);
            exposed.extend(ids.iter().filter_map(|id| external_crate(documentation, *id)));
        }
    }
    exposed
}

/// Collects what the public API of an item refers to, and what its modules re-export.
fn visit_item(
    documentation: &Value,
    id: u64,
    ids: &mut BTreeSet<u64>,
    pending: &mut Vec<(String, Value)>,
) {
    let item = documentation.get("index").and_then(|index| index.get(id.to_string()));
    let Some(inner) = item.and_then(|item| item.get("inner")) else { return };
    if is_derived_impl(inner) {
        return;
    }
    collect_ids(inner, ids);
    pending.extend(re_exported(documentation, inner));
    let mut children = Vec::new();
    collect_children(inner, &mut children);
    for child in children {
        visit_item(documentation, child, ids, pending);
    }
}

/// Collects the ids of the items that belong to an item: members of a module or a trait, impls,
/// variants and fields.
fn collect_children(value: &Value, children: &mut Vec<u64>) {
    const LISTS: [&str; 5] = ["impls", "items", "variants", "fields", "tuple"];
    for (name, member) in value.as_object().into_iter().flatten() {
        match member.as_array() {
            Some(list) if LISTS.contains(&name.as_str()) => {
                children.extend(list.iter().filter_map(Value::as_u64));
            }
            _ => collect_children(member, children),
        }
    }
}

/// Returns the library and the path of the item that a `use` re-exports.
fn re_exported(documentation: &Value, inner: &Value) -> Option<(String, Value)> {
    let id = inner.get("use")?.get("id")?.as_u64()?;
    let path = documentation.get("paths")?.get(id.to_string())?.get("path")?;
    Some((external_crate(documentation, id)?, path.clone()))
}

/// Returns the id of an item of the library itself. Its path is that of its definition.
fn find_item(documentation: &Value, path: &Value) -> Option<u64> {
    let mut paths = documentation.get("paths")?.as_object()?.iter();
    let is_found = |found: &Value| {
        let is_local = found.get("crate_id").and_then(Value::as_u64) == Some(0);
        is_local && found.get("path") == Some(path)
    };
    paths.find_map(|(id, found)| is_found(found).then(|| id.parse().ok())?)
}

/// Returns the library of an item, unless it is the documented one.
fn external_crate(documentation: &Value, id: u64) -> Option<String> {
    let path = documentation.get("paths")?.get(id.to_string())?;
    // Paths with `__` are for the expansion of macros. They are not part of the public API.
    let segments = path.get("path").and_then(Value::as_array).into_iter().flatten();
    if segments.filter_map(Value::as_str).any(|segment| segment.starts_with("__")) {
        return None;
    }
    let number = path.get("crate_id")?.as_u64().filter(|number| *number != 0)?;
    let external = documentation.get("external_crates")?.get(number.to_string())?;
    Some(external.get("name")?.as_str()?.to_owned())
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
        let all = Documentation::from([("x".to_owned(), documentation)]);
        assert_eq!(exposed_crates(&all, "x").into_iter().collect::<Vec<_>>(), ["a", "d"]);
    }

    #[test]
    fn finds_crates_of_items_that_are_re_exported() {
        let path = |id: u64| json!({ "resolved_path": { "path": "T", "id": id, "args": null } });
        let method = |id: u64| json!({ "function": { "sig": { "output": path(id) } } });
        let member = json!({
            "index": {
                "1": { "crate_id": 0, "inner": { "struct": {
                    "impls": [2], "kind": { "plain": { "fields": [] } },
                } } },
                "2": { "crate_id": 0, "inner": { "impl": { "items": [3], "is_synthetic": false } } },
                "3": { "crate_id": 0, "inner": method(10) },
                // Not re-exported.
                "4": { "crate_id": 0, "inner": method(11) },
            },
            "paths": {
                "1": { "crate_id": 0, "path": ["member", "T"] },
                "10": { "crate_id": 1 }, "11": { "crate_id": 2 },
            },
            "external_crates": { "1": { "name": "a" }, "2": { "name": "b" } },
        });
        let user = json!({
            "index": {
                "1": { "crate_id": 0, "inner": { "use": { "source": "member::T", "id": 10 } } },
            },
            "paths": { "10": { "crate_id": 1, "path": ["member", "T"] } },
            "external_crates": { "1": { "name": "member" } },
        });
        let all =
            [("member", member), ("user", user)].map(|(name, value)| (name.to_owned(), value));
        let exposed = exposed_crates(&all.into(), "user");
        assert_eq!(exposed.into_iter().collect::<Vec<_>>(), ["a", "member"]);
    }
}
