//! The output of `cargo metadata`: the members of the workspace and their dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, iter};

use serde_json::Value;

use crate::failure::Failure;
use crate::step::{cargo, output};

/// A version of Rust, without the patch level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RustVersion {
    major: u32,
    minor: u32,
}

impl RustVersion {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::parse);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        Some(Self { major, minor })
    }
}

impl fmt::Display for RustVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A package, and the ids of its dependencies without dev-dependencies.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) rust_version: Option<RustVersion>,
    /// Optional dependencies that need a newer Rust, by name: `[package.metadata.rust-version]`.
    pub(crate) newer: BTreeMap<String, RustVersion>,
    /// Whether publishing it is allowed.
    pub(crate) is_published: bool,
    /// The reasons for types of dependencies below version 1 in the public API, by dependency:
    /// `[package.metadata.public-dependencies]`.
    pub(crate) public: BTreeMap<String, String>,
    pub(crate) version: String,
    /// The names of its features but `default`.
    pub(crate) features: Vec<String>,
    /// The names of its benchmarks.
    pub(crate) benches: Vec<String>,
    is_member: bool,
    dependencies: Vec<String>,
}

/// All packages of the lock file, by id.
#[derive(Debug)]
pub(crate) struct Metadata(BTreeMap<String, Package>);

impl Metadata {
    pub(crate) fn read() -> Result<Self, Failure> {
        let json = output(&mut cargo(&["metadata", "--format-version", "1", "--all-features"]))?;
        let json = serde_json::from_str(&json);
        let json: Value = json.map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
        Self::from_json(&json).ok_or_else(|| Failure::new("unexpected format of cargo metadata"))
    }

    fn from_json(json: &Value) -> Option<Self> {
        let members: BTreeSet<&str> =
            json.get("workspace_members")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let mut packages = BTreeMap::new();
        for package in json.get("packages")?.as_array()? {
            let id = package.get("id")?.as_str()?;
            let rust_version = package.get("rust_version").and_then(Value::as_str);
            packages.insert(
                id.to_owned(),
                Package {
                    name: package.get("name")?.as_str()?.to_owned(),
                    rust_version: rust_version.and_then(RustVersion::parse),
                    newer: newer(package),
                    is_published: package.get("publish").is_none_or(Value::is_null),
                    public: public(package),
                    version: package.get("version")?.as_str()?.to_owned(),
                    features: features(package),
                    benches: benches(package),
                    is_member: members.contains(id),
                    dependencies: Vec::new(),
                },
            );
        }
        for node in json.get("resolve")?.get("nodes")?.as_array()? {
            let package = packages.get_mut(node.get("id")?.as_str()?)?;
            let dependencies = node.get("deps")?.as_array()?.iter().filter(|edge| is_built(edge));
            let ids = dependencies.filter_map(|edge| Some(edge.get("pkg")?.as_str()?.to_owned()));
            package.dependencies = ids.collect();
        }
        Some(Self(packages))
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.0.values().filter(|package| package.is_member)
    }

    /// Returns the name of the package of a library if its version is below 1.
    ///
    /// Of several versions, the one that `package` or another member depends on counts.
    pub(crate) fn unstable_dependency(&self, package: &Package, library: &str) -> Option<&str> {
        let is_library = |found: &&Package| found.name.replace('-', "_") == library;
        let direct = iter::once(package).chain(self.members());
        let mut direct =
            direct.flat_map(|member| &member.dependencies).filter_map(|id| self.0.get(id));
        let found = direct.find(is_library).or_else(|| self.0.values().find(is_library))?;
        found.version.starts_with("0.").then_some(found.name.as_str())
    }

    /// Returns the included direct dependencies of a package, and their transitive dependencies.
    pub(crate) fn built_with(
        &self,
        package: &Package,
        includes: impl Fn(&str) -> bool,
    ) -> Vec<&Package> {
        let mut visited = BTreeSet::new();
        let own = package.dependencies.iter();
        let is_included = |id: &&String| self.0.get(*id).is_some_and(|own| includes(&own.name));
        let mut pending: Vec<&String> = own.filter(is_included).collect();
        while let Some(id) = pending.pop() {
            if visited.insert(id) {
                pending
                    .extend(self.0.get(id).into_iter().flat_map(|package| self.required(package)));
            }
        }
        visited.into_iter().filter_map(|id| self.0.get(id)).collect()
    }

    /// Returns the dependencies of a package without the optional ones that need a newer Rust.
    fn required<'a>(&'a self, package: &'a Package) -> impl Iterator<Item = &'a String> {
        let is_newer = |id: &String| {
            self.0.get(id).is_some_and(|dependency| package.newer.contains_key(&dependency.name))
        };
        package.dependencies.iter().filter(move |id| !is_newer(id))
    }
}

fn newer(package: &Value) -> BTreeMap<String, RustVersion> {
    let versions = table(package, "rust-version");
    versions.filter_map(|(name, text)| Some((name, RustVersion::parse(text)?))).collect()
}

fn public(package: &Value) -> BTreeMap<String, String> {
    let reasons = table(package, "public-dependencies");
    reasons.map(|(name, reason)| (name, reason.to_owned())).collect()
}

fn benches(package: &Value) -> Vec<String> {
    let targets = package.get("targets").and_then(Value::as_array).into_iter().flatten();
    let is_bench = |target: &&Value| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "bench"))
    };
    let names = targets.filter(is_bench).filter_map(|target| target.get("name")?.as_str());
    names.map(str::to_owned).collect()
}

fn features(package: &Value) -> Vec<String> {
    let features = package.get("features").and_then(Value::as_object).into_iter().flatten();
    features.map(|(name, _)| name.clone()).filter(|name| name != "default").collect()
}

/// Returns the texts of a table `[package.metadata.NAME]`.
fn table<'a>(package: &'a Value, name: &str) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
    let table = package.get("metadata").and_then(|metadata| metadata.get(name));
    let entries = table.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, text)| Some((name.clone(), text.as_str()?)))
}

/// Returns whether a dependency is not only a dev-dependency, or one for WebAssembly, where no
/// service runs.
fn is_built(edge: &Value) -> bool {
    let kinds = edge.get("dep_kinds").and_then(Value::as_array);
    let text = |kind: &Value, name: &str| kind.get(name).and_then(Value::as_str).map(str::to_owned);
    let is_dev = |kind: &Value| text(kind, "kind").is_some_and(|kind| kind == "dev");
    let is_wasm = |kind: &Value| text(kind, "target").is_some_and(|target| is_wasm_alone(&target));
    kinds.is_none_or(|kinds| !kinds.iter().all(|kind| is_dev(kind) || is_wasm(kind)))
}

fn is_wasm_alone(target: &str) -> bool {
    target.contains("wasm") && !target.contains("not(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_built_for_webassembly_alone_is_left_out() {
        assert!(is_wasm_alone(r#"cfg(all(target_arch = "wasm32", target_os = "wasi"))"#));
        assert!(!is_wasm_alone(r#"cfg(not(target_arch = "wasm32"))"#));
        assert!(!is_wasm_alone("cfg(unix)"));
    }
}
