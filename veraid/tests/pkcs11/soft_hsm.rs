//! `SoftHSM`: tokens in files, for tests of PKCS #11.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The user's PIN of each token.
pub(crate) const PIN: &str = "4711";

/// The variable that names the configuration to the library.
pub(crate) const CONFIGURATION: &str = "SOFTHSM2_CONF";

/// A folder with tokens, and a file with their PIN.
pub(crate) struct SoftHsm {
    folder: TempDir,
}

impl SoftHsm {
    pub(crate) fn new() -> Self {
        let soft_hsm = Self { folder: tempfile::tempdir().unwrap() };
        let tokens = soft_hsm.path("tokens");
        fs::create_dir(&tokens).unwrap();
        let configuration =
            format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        fs::write(soft_hsm.configuration(), configuration).unwrap();
        fs::write(soft_hsm.path("pin"), format!("{PIN}\n")).unwrap();
        soft_hsm
    }

    /// Creates a token with this label.
    pub(crate) fn with_token(self, label: &str) -> Self {
        let arguments = ["--init-token", "--free", "--label", label, "--so-pin", "0815"];
        let mut command = Command::new("softhsm2-util");
        command.args(arguments).args(["--pin", PIN]).env(CONFIGURATION, self.configuration());
        let output = command.output().expect("Debian's package softhsm2 has it");
        assert!(output.status.success(), "{output:?}");
        self
    }

    /// Returns the value of [`CONFIGURATION`].
    pub(crate) fn configuration(&self) -> PathBuf {
        self.path("softhsm2.conf")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the URI of a key.
    pub(crate) fn uri(&self, token: &str, object: &str) -> String {
        uri(token, object, &self.path("pin"))
    }
}

/// Returns the URI of a key, for the token with the PIN in this file.
pub(crate) fn uri(token: &str, object: &str, pin: &Path) -> String {
    let (module, pin) = (library(), pin.display());
    format!("pkcs11:token={token};object={object}?module-path={module}&pin-source=file:{pin}")
}

/// Returns the library's path.
pub(crate) fn library() -> &'static str {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ];
    let found = places.into_iter().find(|place| Path::new(place).is_file());
    found.expect("Debian's package softhsm2 has it")
}
