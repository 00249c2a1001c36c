//! What `-o` and `--out-dir` write to.
#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use kliento::TokenBundle;
use tempfile::TempDir;

use crate::run::{Run, command, feed};

/// A folder with an organisation's key and a mock chain.
struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        assert_eq!(fixture.run(&["key", "generate", "-o", "key.pem"]).status, 0);
        assert_eq!(fixture.mock(".").status, 0);
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.current_dir(&self.0);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        feed(self.command(arguments), b"")
    }

    fn mock(&self, folder: &str) -> Run {
        let mock = ["mock", "--org", "example.com", "--key", "key.pem", "--ttl", "60"];
        self.run(&[&mock[..], &["--out-dir", folder]].concat())
    }

    fn issue(&self, output: &str) -> Command {
        let issue = ["issue", "--org", "example.com", "--key", "key.pem", "--chain", "chain.der"];
        self.command(&[&issue[..], &["--audience", "a", "-o", output]].concat())
    }

    fn mode(&self, name: &str) -> u32 {
        self.path(name).metadata().unwrap().permissions().mode() & 0o777
    }

    fn is_bundle(&self, name: &str) -> bool {
        TokenBundle::from_bytes(fs::read(self.path(name)).unwrap()).is_ok()
    }

    fn has_temporary_file(&self) -> bool {
        let files = fs::read_dir(self.0.path()).unwrap();
        files.map(|file| file.unwrap().file_name()).any(|name| name.as_encoded_bytes()[0] == b'.')
    }
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn missing_folder_is_reported_with_the_requested_file() {
    let fixture = Fixture::new();
    for output in [
        fixture.run(&["key", "generate", "-o", "missing/k"]),
        feed(fixture.issue("missing/b"), b""),
    ] {
        assert_eq!(output.status, 2);
        assert!(output.errors.contains("missing/"), "{}", output.errors);
        assert!(output.errors.contains("No such file or directory"), "{}", output.errors);
        assert!(!output.errors.contains(".kliento-"), "{}", output.errors);
    }
}

#[test]
fn writes_into_pipes() {
    let fixture = Fixture::new();
    let (pipe, link) = (fixture.path("pipe"), fixture.path("link"));
    mkfifo(&pipe);
    symlink(&pipe, link).unwrap();
    for output in ["pipe", "link"] {
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        let run = feed(fixture.issue(output), b"");
        assert_eq!((run.status, run.errors.as_str()), (0, ""));
        assert!(TokenBundle::from_bytes(reader.join().unwrap()).is_ok());
        assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
    }
    let reader = thread::spawn(move || fs::read_to_string(pipe).unwrap());
    assert_eq!(fixture.run(&["key", "generate", "-o", "pipe"]).status, 0);
    assert!(reader.join().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn writes_only_the_output_to_standard_output() {
    let fixture = Fixture::new();
    let mut child = fixture.issue("/dev/stdout").stdout(Stdio::piped()).spawn().unwrap();
    let mut octets = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut octets).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(TokenBundle::from_bytes(octets).is_ok());

    let file = File::create(fixture.path("redirected")).unwrap();
    let output = fixture.issue("/dev/stdout").stdout(file).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("wrote /dev/stdout"));
    assert!(fixture.is_bundle("redirected"));
    assert_eq!(fixture.mode("redirected"), 0o600);

    let file = File::create(fixture.path("key")).unwrap();
    let generate = ["key", "generate", "-o", "/dev/stdout"];
    assert!(fixture.command(&generate).stdout(file).status().unwrap().success());
    assert!(fs::read_to_string(fixture.path("key")).unwrap().starts_with("-----BEGIN PRIVATE KEY"));
    assert_eq!(fixture.mode("key"), 0o600);
}

#[test]
fn appends_to_files_of_descriptors() {
    let fixture = Fixture::new();
    fs::write(fixture.path("log"), "precious\n").unwrap();
    let log = File::options().append(true).open(fixture.path("log")).unwrap();
    assert!(fixture.issue("/dev/stderr").stderr(log).status().unwrap().success());
    let written = fs::read(fixture.path("log")).unwrap();
    assert!(written.starts_with(b"precious\n0"), "the DER of a bundle follows");
}

#[test]
fn replaces_targets_of_links() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("folder")).unwrap();
    fs::write(fixture.path("folder/existing"), "old").unwrap();
    for target in ["folder/existing", "folder/new"] {
        let _ = fs::remove_file(fixture.path("link"));
        symlink(target, fixture.path("link")).unwrap();
        let run = feed(fixture.issue("link"), b"");
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{target}");
        assert!(fixture.path("link").is_symlink());
        assert!(fixture.is_bundle(target));
        assert_eq!(fixture.mode(target), 0o600);
    }
    symlink("loop", fixture.path("loop")).unwrap();
    let run = feed(fixture.issue("loop"), b"");
    assert_eq!((run.status, run.errors.contains("loop")), (2, true), "{run:?}");
}

#[test]
fn creates_folder_but_no_parents_of_files() {
    let fixture = Fixture::new();
    let run = fixture.mock("new/folder");
    assert_eq!((run.status, run.errors.as_str()), (0, ""));
    assert!(fixture.path("new/folder/chain.der").is_file());
    assert_eq!(fixture.mock("new/folder").status, 0);
    let run = feed(fixture.issue("missing/bundle"), b"");
    assert_eq!((run.status, run.errors.contains("missing/bundle")), (2, true), "{run:?}");
    let run = fixture.mock("key.pem");
    assert_eq!((run.status, run.errors.contains("key.pem")), (2, true), "{run:?}");
}

#[test]
fn keeps_modes_of_public_files_and_protects_secrets() {
    let fixture = Fixture::new();
    fs::set_permissions(fixture.path("chain.der"), Permissions::from_mode(0o640)).unwrap();
    fs::write(fixture.path("bundle"), "old").unwrap();
    fs::set_permissions(fixture.path("bundle"), Permissions::from_mode(0o666)).unwrap();
    assert_eq!(fixture.mock(".").status, 0);
    assert_eq!(feed(fixture.issue("bundle"), b"").status, 0);
    assert_eq!((fixture.mode("chain.der"), fixture.mode("bundle")), (0o640, 0o600));
    assert!(fixture.is_bundle("bundle") && !fixture.has_temporary_file());
}

/// A file that is mounted alone can be written, but not replaced.
#[test]
fn overwrites_mounted_files() {
    let fixture = Fixture::new();
    fs::write(fixture.path("source"), "a long text ".repeat(1000)).unwrap();
    fs::write(fixture.path("bundle"), "").unwrap();
    let kliento = env!("CARGO_BIN_EXE_kliento");
    let script = format!(
        "mount --bind source bundle || exit 77; {kliento} issue --org example.com --key key.pem \
         --chain chain.der --audience a -o bundle && {kliento} verify --audience a bundle"
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    unshare.current_dir(&fixture.0);
    let run = feed(unshare, b"");
    if run.status == 77 || run.errors.contains("unshare") {
        eprintln!("skipped: this machine does not allow mounts: {}", run.errors);
        return;
    }
    // The mock root is not trusted, so the bundle is invalid, but complete.
    assert_eq!(run.status, 1, "{run:?}");
    assert!(fixture.is_bundle("source"));
    assert_eq!(fixture.mode("source"), 0o600);
}
