//! Every case of `vectors/` that a request can carry through the layer, one test each.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end by a panic, and says what it left out"
)]

#[path = "../../../kliento/tests/vectors/case.rs"]
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
use decision::Memory;
use request_encoding::{Carriage, NotCarried};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let memory = Arc::new(Memory::default());
    let mut left_out: Vec<(NotCarried, String)> = Vec::new();
    let mut trials = Vec::new();
    for case in Case::all() {
        match Carriage::of(&case) {
            Carriage::Header(credentials) => {
                let (name, memory) = (case.name.clone(), Arc::clone(&memory));
                trials.push(Trial::test(name, move || memory.check(&case, &credentials)));
            }
            Carriage::None(reason) => left_out.push((reason, case.name)),
        }
    }
    let carried = trials.len();
    let check = move || reports_skipped_cases(carried, &left_out);
    trials.push(Trial::test("cases_that_no_request_carries", check));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Prints the cases that no request can carry, and checks that they are the expected ones.
fn reports_skipped_cases(carried: usize, left_out: &[(NotCarried, String)]) -> Result<(), Failed> {
    println!("{carried} cases go through the layer");
    for reason in NotCarried::ALL {
        let names: Vec<_> = left_out.iter().filter(|(why, _)| *why == reason).collect();
        println!("{} do not, for each {reason}", names.len());
        if names.is_empty() {
            return Err(format!("there is no case any more that {reason}").into());
        }
    }
    let lines: Vec<_> = left_out.iter().filter(|(why, _)| *why == NotCarried::LineBreak).collect();
    let expected = ["authorization-line-break-within", "authorization-line-break-after"];
    if lines.iter().map(|(_, name)| name.as_str()).ne(expected) {
        return Err(format!("unexpected headers that are none: {lines:?}").into());
    }
    Ok(())
}

/// Where the index and its files are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}
