//! The demo: bundles of `kliento` and of the reference implementation, verified offline.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::failure::Failure;
use crate::service;
use crate::step::{cargo, run, shell_command};

const DIRECTORY: &str = "target/demo-files";
const AUDIENCE: &str = "https://api.example.com";

/// Builds the command, and runs it as a user would.
pub(crate) fn run_all() -> Result<(), Failure> {
    let mut build = cargo(&["build", "--profile", "demo", "--features", "kliento/cli-offline"]);
    // Overrides the target directory of the user's settings.
    build.args(["--package=kliento", "--package=kliento-axum", "--target-dir", "target"]);
    println!("Compiling about 150 crates first, which takes two or three minutes on two cores.");
    run("the kliento command and a service", &mut build)?;
    let kliento = env::current_dir()?.join("target/demo").join(executable_name("kliento"));
    match fs::remove_dir_all(DIRECTORY) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(DIRECTORY)?,
    }
    let demo = Demo { kliento: &kliento };

    print_step("An organisation, example.com, under a mock DNS root (yours has a real one):");
    demo.run(&["key", "generate", "-o", "organisation.pem"])?;
    let organisation = ["--org", "example.com", "--key", "organisation.pem"];
    demo.run_with(&["mock"], &organisation, &["--ttl", "3600", "--out-dir", "."])?;

    print_step("Its member alice gets a key, and issues a token bundle for a service:");
    demo.run(&["key", "generate", "-o", "alice.pem"])?;
    let member = ["--member", "alice", "--member-key", "alice.pem", "--chain", "chain.der"];
    let token = ["--audience", AUDIENCE, "--claim", "permission=read-only", "-o", "alice.bundle"];
    demo.run_with(&["issue"], &organisation, &[member, token].concat())?;

    print_step("The service verifies it, with only the keys of the DNS root:");
    let anchor = fs::read_to_string(Path::new(DIRECTORY).join("trust-anchor.txt"))?;
    let anchor = ["--trust-anchor", anchor.trim()];
    demo.run_with(&["verify", "--audience", AUDIENCE], &anchor, &["alice.bundle"])?;
    demo.run_with(&["inspect"], &anchor, &["alice.bundle"])?;

    print_step("And one of the JavaScript reference implementation, at an instant of its hour:");
    let reference = Reference::read()?;
    let at = ["--at", &reference.at, "--trust-anchor", &reference.trust_anchor, &reference.file];
    demo.run_with(&["verify", "--audience", AUDIENCE], &[], &at)?;
    demo.run_with(&["inspect"], &[], &at)?;

    print_step("A service on axum, behind KlientoAuthLayer, accepts only alice:");
    let header = ["--audience", AUDIENCE, "--auth-header", "-o", "authorization.txt"];
    demo.run_with(&["issue"], &organisation, &[member.as_slice(), &header].concat())?;
    service::show(AUDIENCE, anchor[1], &Path::new(DIRECTORY).join("authorization.txt"))
}

fn print_step(title: &str) {
    println!("\n\n{title}");
}

fn executable_name(program: &str) -> String {
    format!("{program}{}", env::consts::EXE_SUFFIX)
}

struct Demo<'a> {
    kliento: &'a Path,
}

impl Demo<'_> {
    fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        self.run_with(arguments, &[], &[])
    }

    /// Prints the command as a user would type it, and runs it.
    fn run_with(&self, first: &[&str], second: &[&str], third: &[&str]) -> Result<(), Failure> {
        let arguments = [first, second, third].concat();
        let typed = shell_command(Command::new("kliento").args(&arguments));
        println!("\n$ {typed}");
        let mut command = Command::new(self.kliento);
        command.args(&arguments).current_dir(DIRECTORY).stdin(Stdio::null());
        if command.status()?.success() {
            return Ok(());
        }
        Err(Failure::new(format!("{typed} failed")).with_rerun_command(shell_command(&command)))
    }
}

/// A bundle of the reference implementation, and its entry in the index.
struct Reference {
    file: String,
    at: String,
    trust_anchor: String,
}

impl Reference {
    fn read() -> Result<Self, Failure> {
        let index = fs::read_to_string("vectors/reference/index.json")?;
        let index: serde_json::Value =
            serde_json::from_str(&index).map_err(|error| Failure::new(error.to_string()))?;
        let text = |pointer: &str| {
            let value = index.pointer(pointer).and_then(serde_json::Value::as_str);
            let missing = || {
                Failure::new(format!(
                    "{pointer} is missing in the index of the reference implementation"
                ))
            };
            value.map(str::to_owned).ok_or_else(missing)
        };
        let file = format!("../../vectors/reference/{}.bin", text("/0/name")?);
        Ok(Self { file, at: text("/0/at")?, trust_anchor: text("/0/trust_anchors/0")? })
    }
}
