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
    let expected = case.verdict();
    if found == expected {
        return Ok(());
    }
    Err(format!("{}\nexpected {expected:#?}\nfound {found:#?}\n{detail}", case.shows).into())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}
