//! Every case of `vectors/` that a request can carry through the layer, one test each.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end by a panic, and prints the skipped cases"
)]

#[path = "../../../kliento-core/tests/vectors/case.rs"]
mod case;
mod decision;
#[path = "../mock/exchange.rs"]
mod exchange;
mod request_encoding;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use case::Case;
use decision::SharedCaches;
use request_encoding::{RequestEncoding, SkipReason};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let caches = Arc::new(SharedCaches::default());
    let mut skipped: Vec<(SkipReason, String)> = Vec::new();
    let mut trials = Vec::new();
    for case in Case::all() {
        match RequestEncoding::from_case(&case) {
            RequestEncoding::Header(credentials) => {
                let (name, caches) = (case.name.clone(), Arc::clone(&caches));
                trials.push(Trial::test(name, move || caches.check(&case, &credentials)));
            }
            RequestEncoding::Skipped(reason) => skipped.push((reason, case.name)),
        }
    }
    let encoded = trials.len();
    let check = move || reports_skipped_cases(encoded, &skipped);
    trials.push(Trial::test("reports_skipped_cases", check));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Prints the cases that no request can carry, and checks that they are the expected ones.
fn reports_skipped_cases(encoded: usize, skipped: &[(SkipReason, String)]) -> Result<(), Failed> {
    println!("{encoded} cases go through the layer");
    for reason in SkipReason::ALL {
        let names: Vec<_> = skipped.iter().filter(|(why, _)| *why == reason).collect();
        println!("{} do not, for each {reason}", names.len());
        if names.is_empty() {
            return Err(format!("no case left that {reason}").into());
        }
    }
    let lines: Vec<_> = skipped.iter().filter(|(why, _)| *why == SkipReason::LineBreak).collect();
    let expected = ["authorization-line-break-within", "authorization-line-break-after"];
    if lines.iter().map(|(_, name)| name.as_str()).ne(expected) {
        return Err(format!("unexpected headers with line breaks: {lines:?}").into());
    }
    Ok(())
}

/// The folder of the index and its files.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}
