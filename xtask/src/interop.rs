//! Interoperability with the JavaScript reference implementation, in both directions.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::node::Node;
use crate::packages;
use crate::step::{Count, cargo, run, run_tests};

/// The directories of the reference's bundles, and of those by `kliento`.
const PRODUCED: &str = "target/interop/reference";
const ISSUED: &str = "target/interop/ours";

/// Installs the reference implementation, and runs both directions.
pub(crate) fn run_all(count: &mut Count) -> Result<(), Failure> {
    packages::install_missing(&packages::NODE)?;
    let node = Node::find()?;
    install_reference(&node)?;
    verify_with_kliento(&node, count)?;
    verify_with_reference(&node, count)
}

fn verify_with_kliento(node: &Node, count: &mut Count) -> Result<(), Failure> {
    fs::create_dir_all(PRODUCED)?;
    let produced = fs::canonicalize(PRODUCED)?;
    let out = format!("../{PRODUCED}");
    run("bundles by the reference", &mut node.command("node", &["produce.mjs", "--out", &out])?)?;
    let mut tests = cargo(&["test", "--workspace", "--all-features", "--test", "interop"]);
    tests.env("KLIENTO_INTEROP_DIRECTORY", produced);
    run_tests("the reference's bundles, verified by kliento", &mut tests, count)
}

fn verify_with_reference(node: &Node, count: &mut Count) -> Result<(), Failure> {
    fs::create_dir_all(ISSUED)?;
    let issued = fs::canonicalize(ISSUED)?;
    let mut tests = cargo(&["test", "--workspace", "--all-features", "--test", "issue"]);
    tests.arg("reference::").env("KLIENTO_ISSUED_DIRECTORY", issued);
    run_tests("bundles by kliento", &mut tests, count)?;
    let index = format!("../{ISSUED}/index.json");
    let verify = ["verify.mjs", "--clock-at-instant", &index];
    let mut reference = node.command("node", &verify)?;
    run_tests("kliento's bundles, verified by the reference", &mut reference, count)
}

/// Runs `npm ci`, unless the installed packages match the lock file.
fn install_reference(node: &Node) -> Result<(), Failure> {
    let modified = |path: &str| fs::metadata(Path::new("interop").join(path))?.modified();
    let locked = modified("package-lock.json")?;
    if modified("node_modules/.package-lock.json").is_ok_and(|installed| installed >= locked) {
        return Ok(());
    }
    run("the reference", &mut node.command("npm", &["ci", "--ignore-scripts", "--no-fund"])?)
}
