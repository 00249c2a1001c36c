//! axe-core, whose accessibility rules the tests of the page check in a browser.

use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::packages;
use crate::step::run;

const VERSION: &str = "4.14.1";
const DIRECTORY: &str = "target/axe";

/// Installs it from the npm registry if it is missing, without running its scripts.
pub(crate) fn install() -> Result<(), Failure> {
    let manifest = format!("{DIRECTORY}/node_modules/axe-core/package.json");
    let version = format!("\"version\": \"{VERSION}\"");
    if fs::read_to_string(manifest).is_ok_and(|manifest| manifest.contains(&version)) {
        return Ok(());
    }
    packages::install_missing(&packages::NODE)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--ignore-scripts", "--prefix", DIRECTORY]);
    run("axe-core", npm.arg(format!("axe-core@{VERSION}")))
}
