//! The archives of the published crates, unpacked as users of the registry receive them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use crate::step::{cargo, output, run};

const DIRECTORY: &str = "target/archives";

/// The files that each archive must have, apart from its sources.
const REQUIRED: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// The profile of the workspace, so that dependencies are compiled once.
const PROFILE: &str = "\
[profile.dev]
debug = \"line-tables-only\"

[profile.dev.package.\"*\"]
opt-level = 1
debug = false
";

/// Packages all published crates, unpacks the archives, and returns the table of a manifest that
/// uses them: `[patch.crates-io]`.
pub(crate) fn unpack() -> Result<String, Failure> {
    let metadata = Metadata::read()?;
    let published: Vec<_> = metadata.members().filter(|package| package.is_published).collect();
    // The tests are for the working tree; `release-check` builds the archives.
    let mut package = cargo(&["package", "--no-verify", "--allow-dirty", "--quiet"]);
    package.args(published.iter().map(|package| format!("--package={}", package.name)));
    run("archives of the crates", &mut package)?;
    fs::create_dir_all(DIRECTORY)?;
    let directory = fs::canonicalize(DIRECTORY)?;
    let mut patch = vec!["[patch.crates-io]".to_owned()];
    for package in published {
        let name = format!("{}-{}", package.name, package.version);
        let crate_directory = directory.join(&name);
        remove_directory(&crate_directory)?;
        let archive = target_directory().join("package").join(format!("{name}.crate"));
        // The times in archives are constant, so cargo would not see that a crate has changed.
        output(Command::new("tar").arg("-xmzf").arg(archive).arg("-C").arg(&directory))?;
        if let Some(missing) = REQUIRED.iter().find(|file| !crate_directory.join(file).exists()) {
            return Err(Failure::new(format!("{name}: the archive has no {missing}")));
        }
        patch.push(format!("{} = {{ path = \"{}\" }}", package.name, crate_directory.display()));
    }
    Ok(patch.join("\n"))
}

/// Runs the examples of the documentation as users of the registry have them: without the files
/// that an archive leaves out.
pub(crate) fn test_documentation() -> Result<(), Failure> {
    let patch = unpack()?;
    let metadata = Metadata::read()?;
    let published = metadata.members().filter(|package| package.is_published);
    let members: Vec<_> =
        published.map(|package| format!("{}-{}", package.name, package.version)).collect();
    let manifest = Path::new(DIRECTORY).join("Cargo.toml");
    let text =
        format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n{patch}\n\n{PROFILE}");
    fs::write(&manifest, text)?;
    // The same versions of dependencies as in all other tests.
    fs::copy("Cargo.lock", manifest.with_extension("lock"))?;
    let mut command = cargo(&["test", "--doc", "--workspace", "--all-features", "--manifest-path"]);
    command.arg(manifest).env("CARGO_TARGET_DIR", env::current_dir()?.join(target_directory()));
    run("examples in the documentation of the archives", &mut command)
}

/// Removes the copies of an archive that cargo has unpacked for a dry run of publishing.
pub(crate) fn remove_unpacked(package: &Package) -> Result<(), Failure> {
    let default = || env::home_dir().unwrap_or_default().join(".cargo");
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(default, PathBuf::from);
    let Ok(registries) = fs::read_dir(cargo_home.join("registry/src")) else { return Ok(()) };
    for registry in registries {
        let name = format!("{}-{}", package.name, package.version);
        remove_directory(&registry?.path().join(name))?;
    }
    Ok(())
}

/// Removes a directory if it exists.
pub(crate) fn remove_directory(directory: &Path) -> Result<(), Failure> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    Ok(())
}

/// Returns the target directory of cargo.
pub(crate) fn target_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new("target").to_owned(), PathBuf::from)
}
