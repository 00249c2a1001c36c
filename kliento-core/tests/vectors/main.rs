//! Every case of `vectors/` as a test with the name of the case.

#![allow(clippy::expect_used, reason = "without an index, there is nothing to test")]

mod case;
mod consistency;
mod reference;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use case::Case;

/// A few excerpts of 100 characters each, and the words around them.
const MAX_ERROR_CHARACTERS: usize = 512;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases = Case::all();
    let mut trials = consistency::trials(&cases);
    trials.extend(reference::trials());
    trials
        .extend(cases.into_iter().map(|case| Trial::test(case.name.clone(), move || check(&case))));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn check(case: &Case) -> Result<(), Failed> {
    let octets = std::fs::read(folder().join(&case.file))?;
    let (found, detail) = verdict::verify(case, octets)?;
    // Errors end up in logs, so they must not contain whatever a bundle does.
    if detail.chars().count() > MAX_ERROR_CHARACTERS || detail.chars().any(char::is_control) {
        return Err(format!("a long or unprintable error: {detail:?}").into());
    }
    let expected = case.verdict();
    if found == expected {
        return Ok(());
    }
    Err(format!("{}\nexpected {expected:#?}\nfound {found:#?}\n{detail}", case.shows).into())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}
