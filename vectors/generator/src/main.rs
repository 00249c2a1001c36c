//! Writes the test vectors of VeraId and Kliento into `vectors/`, or checks that they are up to
//! date.
//!
//! It shares no code with the verifier: files and expectations follow `docs/protocol.md`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an error in a recipe must stop the generator"
)]
#![allow(clippy::print_stdout, reason = "a command prints its results")]
#![allow(clippy::assigning_clones, reason = "assignments are easier to read in cases")]

mod case;
mod cases;
mod der;
mod difference;
mod dns;
mod hash;
mod index;
mod key;
mod octets;
mod recipe;
mod recorded;
mod rsa;
mod rules;
mod suite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

/// The folders that contain only generated files.
const FOLDERS: [&str; 5] =
    ["token-bundle", "signature-bundle", "member-id-bundle", "authorization", "chain"];

fn main() -> io::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let suite = cases::all();
    let files = index::files(&suite);
    let outdated_files = outdated_files(&root, &files)?;
    if std::env::args().any(|argument| argument == "--check") {
        for path in &outdated_files {
            println!("{} is outdated", path.display());
        }
        return Ok(if outdated_files.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for path in &outdated_files {
        match files.iter().find(|(name, _)| root.join(name) == *path) {
            Some((_, octets)) => write(path, octets)?,
            None => fs::remove_file(path)?,
        }
    }
    println!(
        "{} cases in {} files, of which {} changed",
        suite.cases.len(),
        files.len(),
        outdated_files.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Returns the files that are missing, outdated or unexpected.
fn outdated_files(root: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<PathBuf>> {
    let expected = files.iter().map(|(name, octets)| (root.join(name), octets));
    let outdated = expected.filter(|(path, octets)| fs::read(path).ok().as_ref() != Some(octets));
    let mut outdated_files: Vec<PathBuf> = outdated.map(|(path, _)| path).collect();
    for folder in FOLDERS.map(|folder| root.join(folder)).iter().filter(|folder| folder.exists()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !files.keys().any(|name| root.join(name) == path) {
                outdated_files.push(path);
            }
        }
    }
    Ok(outdated_files)
}

fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, octets)
}
