//! What the JavaScript reference makes is verified by ours, and the other way round.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::node::Node;
use crate::packages;
use crate::step::{Count, cargo, run, run_tests};

/// Where the reference's bundles are written.
const PRODUCED: &str = "target/interop/reference";

/// Installs the reference and runs both directions.
pub(crate) fn run_all(count: &mut Count) -> Result<(), Failure> {
    packages::install_missing(&packages::NODE)?;
    let node = Node::find()?;
    install_reference(&node)?;

    fs::create_dir_all(PRODUCED)?;
    let produced = fs::canonicalize(PRODUCED)?;
    let out = format!("../{PRODUCED}");
    run("bundles by the reference", &mut node.command("node", &["produce.mjs", "--out", &out])?)?;
    let mut ours = cargo(&["test", "--package", "kliento", "--all-features", "--test", "interop"]);
    ours.env("KLIENTO_INTEROP_DIRECTORY", produced);
    run_tests("the reference's bundles, verified by ours", &mut ours, count)
}

/// `npm ci`, unless what is installed is what the lock file asks for.
fn install_reference(node: &Node) -> Result<(), Failure> {
    let modified = |path: &str| fs::metadata(Path::new("interop").join(path))?.modified();
    let locked = modified("package-lock.json")?;
    if modified("node_modules/.package-lock.json").is_ok_and(|installed| installed >= locked) {
        return Ok(());
    }
    run("the reference", &mut node.command("npm", &["ci", "--ignore-scripts", "--no-fund"])?)
}
