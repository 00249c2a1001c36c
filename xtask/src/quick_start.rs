//! Runs the quick starts of the README as a reader would, outside the workspace.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use crate::archives::{self, target_directory};
use crate::failure::Failure;
use crate::step::{Count, cargo, output, run, run_tests};

const DIRECTORY: &str = "target/quick-start";

/// The address of the README's programs, which is replaced by a free one.
const ADDRESS: &str = "127.0.0.1:8080";

/// Sends a header of almost the maximum size over both versions of HTTP, with the files of the
/// quick start for workloads.
const LARGE_BUNDLE: &str = r#"
kliento issue --org example.com --key organisation.pem --chain chain.der --audience https://api.example.com --claim "filler=$(head -c 12700 /dev/zero | tr '\0' x)" --auth-header -o large.txt
test $(wc -c < large.txt) -gt 21500
curl --fail -H "Authorization: $(cat large.txt)" http://127.0.0.1:8080/whoami
curl --fail --http2-prior-knowledge -H "Authorization: $(cat large.txt)" http://127.0.0.1:8080/whoami
"#;

/// Builds the programs of the README's quick starts against the archives of the crates, starts
/// them, and runs the commands that follow in the README.
pub(crate) fn run_all(count: &mut Count) -> Result<(), Failure> {
    let readme = fs::read_to_string("README.md")?;
    let quick_starts = [
        QuickStart::read(&readme, "workloads", "## Authenticate workloads")?,
        QuickStart::read(&readme, "people", "## Authenticate people")?,
    ];
    let patch = archives::unpack()?;
    for quick_start in &quick_starts {
        quick_start.write()?;
        let title = format!("the program of the README for {}", quick_start.name);
        run(&title, &mut command_alone("build", quick_start.name, &patch)?)?;
        quick_start.run(count)?;
    }
    Ok(())
}

/// Compiles each example on its own, against the archives of the crates: without the features that
/// other examples enable, and first without those of its own tests.
pub(crate) fn check_examples() -> Result<(), Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir("examples")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let patch = archives::unpack()?;
    for name in &names {
        let directory = Path::new(DIRECTORY).join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(DIRECTORY)?;
        let from = format!("examples/{name}");
        output(Command::new("cp").args(["-R", &from]).arg(&directory))?;
        let manifest = directory.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)?;
        fs::write(&manifest, without_paths(&text))?;
        run(&format!("{name} on its own"), &mut command_alone("check", name, &patch)?)?;
        let mut tests = command_alone("check", name, &patch)?;
        run(&format!("{name} on its own, with its tests"), tests.arg("--all-targets"))?;
    }
    Ok(())
}

/// Returns the manifest without the paths of dependencies that have versions too.
fn without_paths(manifest: &str) -> String {
    let without_path = |line: &str| {
        let (start, rest) = line.split_once("path = \"../")?;
        let (_, end) = rest.split_once('"')?;
        let line = match end.strip_prefix(", ") {
            Some(end) => start.to_owned() + end,
            None => start.trim_end_matches([',', ' ']).to_owned() + end,
        };
        line.contains("version = ").then_some(line)
    };
    let lines = manifest.lines().map(|line| without_path(line).unwrap_or_else(|| line.to_owned()));
    lines.map(|line| line + "\n").collect()
}

/// Returns the command of cargo for one program in a workspace of its own: members of one workspace
/// have each other's features. The programs share what is compiled.
fn command_alone(subcommand: &str, name: &str, patch: &str) -> Result<Command, Failure> {
    // The same versions of dependencies as in all other tests.
    fs::copy("Cargo.lock", format!("{DIRECTORY}/Cargo.lock"))?;
    let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n";
    let text =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{name:?}]\n\n{patch}\n\n{profile}");
    let manifest = format!("{DIRECTORY}/Cargo.toml");
    fs::write(&manifest, text)?;
    let mut command = cargo(&[subcommand, "--workspace", "--manifest-path", &manifest]);
    command.env("CARGO_TARGET_DIR", absolute_target()?);
    Ok(command)
}

fn absolute_target() -> Result<PathBuf, Failure> {
    Ok(env::current_dir()?.join(target_directory()))
}

/// A section of the README: dependencies, a program, the command that starts it, and further ones.
struct QuickStart<'a> {
    name: &'static str,
    dependencies: &'a str,
    program: &'a str,
    start: &'a str,
    calls: &'a str,
    address: String,
}

impl<'a> QuickStart<'a> {
    fn read(readme: &'a str, name: &'static str, heading: &str) -> Result<Self, Failure> {
        let missing =
            |part: &str| Failure::new(format!("README.md: {part} is missing below {heading:?}"));
        let section = readme.split_once(&format!("\n{heading}\n"));
        let (_, section) = section.ok_or_else(|| missing("the section"))?;
        let section = section.split("\n## ").next().unwrap_or(section);
        let block = |language: &str, number: usize| {
            let fence = format!("```{language}\n");
            let block =
                section.split(&fence).skip(1).nth(number).and_then(|rest| rest.split("```").next());
            block.ok_or_else(|| missing(&format!("block {} of {language}", number + 1)))
        };
        Ok(Self {
            name,
            dependencies: block("toml", 0)?,
            program: block("rust", 0)?,
            start: block("sh", 0)?,
            calls: block("sh", 1)?,
            address: TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string(),
        })
    }

    fn directory(&self) -> PathBuf {
        Path::new(DIRECTORY).join(self.name)
    }

    /// Writes the crate, and removes the files of an earlier run.
    fn write(&self) -> Result<(), Failure> {
        let (directory, name) = (self.directory(), self.name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("src"))?;
        let package = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n\n");
        fs::write(directory.join("Cargo.toml"), package + self.dependencies)?;
        Ok(fs::write(directory.join("src/main.rs"), self.with_local_address(self.program))?)
    }

    /// Replaces the address of the README by that of the program.
    fn with_local_address(&self, text: &str) -> String {
        text.replace(ADDRESS, &self.address)
    }

    fn run(&self, count: &mut Count) -> Result<(), Failure> {
        let server = Server::start(self.shell(self.start)?)?;
        // Each command must succeed; the last line counts them.
        let large_bundle = if self.name == "workloads" { LARGE_BUNDLE } else { "" };
        let calls = [self.calls, large_bundle].concat();
        let number = calls.lines().filter(|line| !line.is_empty()).count();
        let script = format!("set -ex\n{calls}\necho\necho '{number} passed, 0 failed'\n");
        let title = format!("the quick start for {}", self.name);
        run_tests(&title, &mut self.shell(&script)?, count)?;
        drop(server);
        Ok(())
    }

    /// Returns a shell in the crate's directory, with the `kliento` command in its `PATH`.
    fn shell(&self, script: &str) -> Result<Command, Failure> {
        let target = absolute_target()?;
        let path = env::var_os("PATH").unwrap_or_default();
        let directories = [target.join("debug")].into_iter().chain(env::split_paths(&path));
        let path = env::join_paths(directories);
        let path = path.map_err(|error| Failure::new(error.to_string()))?;
        let mut command = Command::new("sh");
        command.arg("-ec").arg(self.with_local_address(script)).current_dir(self.directory());
        command.env("PATH", path).env("CARGO_TARGET_DIR", target);
        Ok(command)
    }
}

/// The process group of a server, which is terminated when this is dropped.
struct Server(Child);

impl Server {
    /// Starts the server, and waits until it prints that it is listening.
    fn start(mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        let mut server = Self(command.spawn()?);
        let stdout = server.0.stdout.take();
        let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        for line in lines {
            let line = line?;
            println!("{line}");
            if line.contains("listening on") {
                return Ok(server);
            }
        }
        Err(Failure::new("the program of the README exited before it was listening"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has exited by itself.
        let group = format!("-{}", self.0.id());
        drop(output(Command::new("kill").args(["-TERM", "--", &group])));
        drop(self.0.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_section() {
        let readme = "# A\n\n## B\n\n```toml\nx\n```\n```rust\ny\n```\n```sh\nz\n```\n\n```sh\ncurl\n```\n\n## C\n";
        let quick_start = QuickStart::read(readme, "b", "## B").unwrap();
        let QuickStart { dependencies, program, start, calls, .. } = quick_start;
        assert_eq!((dependencies, program, start, calls), ("x\n", "y\n", "z\n", "curl\n"));
        assert!(QuickStart::read(readme, "c", "## C").is_err());
    }

    #[test]
    fn removes_paths_from_dependencies_with_versions() {
        for (line, expected) in [
            ("a = { path = \"../../a\", version = \"0.1\" }", "a = { version = \"0.1\" }\n"),
            (
                "a = { version = \"0.1\", path = \"../../a\", features = [\"b\"] }",
                "a = { version = \"0.1\", features = [\"b\"] }\n",
            ),
            ("a = { version = \"0.1\", path = \"../../a\" }", "a = { version = \"0.1\" }\n"),
            ("a = { path = \"../../a\" }", "a = { path = \"../../a\" }\n"),
            ("path = \"tests/x.rs\"", "path = \"tests/x.rs\"\n"),
        ] {
            assert_eq!(without_paths(line), expected);
        }
    }
}
