//! Node for the JavaScript reference and for clients in tests: the system's, or a newer one if that
//! is too old.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::packages::find;
use crate::step::{output, run};

/// The oldest release that the reference supports and that has WebSockets; Debian 12 has 18.
const OLDEST: u32 = 20;

/// The release that is installed from the npm registry.
const NEWER: &str = "22";

/// Runs Node and npm in `interop/`.
#[derive(Debug)]
pub(crate) struct Node {
    /// The directory of a Node other than the system's.
    directory: Option<PathBuf>,
}

impl Node {
    /// Finds Node, or installs a newer one into `target/node` if it is too old.
    pub(crate) fn find() -> Result<Self, Failure> {
        if find("node").and_then(|node| release(&node)) >= Some(OLDEST) {
            return Ok(Self { directory: None });
        }
        let node = install()?;
        Ok(Self { directory: node.parent().map(Path::to_path_buf) })
    }

    /// Returns a command of Node or npm with these arguments.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir("interop");
        self.add_to_path(&mut command)?;
        Ok(command)
    }

    /// Lets a command find this Node.
    pub(crate) fn add_to_path(&self, command: &mut Command) -> Result<(), Failure> {
        if let Some(directory) = &self.directory {
            let path = env::var_os("PATH").unwrap_or_default();
            let directories = [directory.clone()].into_iter().chain(env::split_paths(&path));
            let path = env::join_paths(directories);
            command.env("PATH", path.map_err(|error| Failure::new(error.to_string()))?);
        }
        Ok(())
    }
}

fn install() -> Result<PathBuf, Failure> {
    let architecture = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => {
            return Err(Failure::new(format!(
                "Node {OLDEST} is required, but unavailable for {other}"
            )));
        }
    };
    let package = format!("node-linux-{architecture}");
    let node = Path::new("target/node/node_modules").join(&package).join("bin/node");
    if !node.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--ignore-scripts", "--prefix", "target/node"]);
        run("a newer Node", npm.arg(format!("{package}@{NEWER}")))?;
    }
    Ok(node.canonicalize()?)
}

fn release(node: &Path) -> Option<u32> {
    let version = output(Command::new(node).arg("--version")).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}
