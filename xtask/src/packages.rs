//! Installs the programs that tests and checks need if they are missing.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::failure::Failure;
use crate::step::{cargo, output, run};

/// A program and its package in Debian.
pub(crate) type Program = (&'static str, &'static str);

/// The programs that tests start.
pub(crate) const TESTS: [Program; 16] = [
    ("named", "bind9"),
    ("dnssec-signzone", "bind9-utils"),
    ("openssl", "openssl"),
    ("curl", "curl"),
    ("python3", "python3"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("redis-server", "redis-server"),
    ("faketime", "faketime"),
    ("initdb", POSTGRES),
    ("pkill", "procps"),
    ("softhsm2-util", "softhsm2"),
    ("nginx", "nginx"),
    ("caddy", "caddy"),
    ("haproxy", "haproxy"),
    ("aiosmtpd", "python3-aiosmtpd"),
];

const POSTGRES: &str = "postgresql";

/// Installs the packages of its arguments, but creates and starts no cluster of PostgreSQL.
const INSTALL_WITH_POSTGRES: &str = r#"
set -e
apt-get install --yes --no-install-recommends postgresql-common
settings=/etc/postgresql-common/createcluster.conf
cp -p "$settings" "$settings.saved"
trap 'mv "$settings.saved" "$settings"' EXIT
pg_conftool "$settings" set create_main_cluster off
apt-get install --yes --no-install-recommends "$@"
"#;

/// The programs that the JavaScript reference and clients in tests need.
pub(crate) const NODE: [Program; 2] = [("node", "nodejs"), ("npm", "npm")];

/// The installer of packages from the Python Package Index.
pub(crate) const PIP: [Program; 1] = [("pip3", "python3-pip")];

/// Installs the missing programs by `apt-get`, as root or with sudo.
pub(crate) fn install_missing(programs: &[Program]) -> Result<(), Failure> {
    let missing = programs.iter().filter(|(program, _)| find(program).is_none());
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if find("apt-get").is_none() {
        return Err(Failure::new(format!(
            "missing, and apt-get is not available to install: {}",
            packages.join(", ")
        )));
    }
    run("Debian's package lists", as_root("apt-get").arg("update"))?;
    let mut install = as_root("env");
    // Tests start their own servers, so no service of the system is started.
    install.arg("SYSTEMD_OFFLINE=1");
    if packages.contains(&POSTGRES) {
        install.args(["sh", "-c", INSTALL_WITH_POSTGRES, "sh"]);
    } else {
        install.args(["apt-get", "install", "--yes", "--no-install-recommends"]);
    }
    install.args(packages);
    run("Debian's packages", &mut install)
}

/// A subcommand of cargo, and the version to install.
type Subcommand = (&'static str, &'static str);

/// Runs cargo with sets of features.
pub(crate) const CARGO_HACK: Subcommand = ("cargo-hack", "0.6.46");

/// Checks licences, sources and versions of dependencies.
pub(crate) const CARGO_DENY: Subcommand = ("cargo-deny", "0.20.2");

/// Compares public APIs with those of the last release.
pub(crate) const CARGO_SEMVER_CHECKS: Subcommand = ("cargo-semver-checks", "0.51.0");

/// Installs a subcommand of cargo from source if it is missing.
pub(crate) fn install_subcommand((name, version): &Subcommand) -> Result<(), Failure> {
    let subcommand = name.trim_start_matches("cargo-");
    let mut probe = cargo(&[subcommand, "--version"]);
    let probe = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if probe.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let title = format!("{name} (built once; it takes minutes)");
    let mut install = cargo(&["install", "--locked", "--version", version, name]);
    // Optimisation would take longer than it saves.
    install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
    install
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    run(&title, &mut install)
}

fn as_root(program: &str) -> Command {
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let mut command = Command::new(if is_root { program } else { "sudo" });
    if !is_root {
        command.arg(program);
    }
    command
}

/// Finds a program in `PATH`, or in `/usr/sbin` or the directories of PostgreSQL, which `PATH` may
/// lack.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let postgres = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let postgres = postgres.map(|version| version.path().join("bin"));
    let directories = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).chain(postgres);
    directories.map(|directory| directory.join(program)).find(|file| file.is_file())
}
