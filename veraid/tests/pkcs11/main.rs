//! Keys in tokens, in `SoftHSM`.
//!
//! The library reads its configuration from the environment, and only when it is initialised. So
//! this program runs itself with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod access;
mod generation;
mod recovery;
mod signing;
#[allow(dead_code, reason = "other tests use the rest")]
mod soft_hsm;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::slot::Slot;
use libtest_mimic::{Arguments, Trial};
use veraid::issue::pkcs11::Pkcs11Uri;

use crate::soft_hsm::{CONFIGURATION, SoftHsm, uri};

/// A name, and a test of it.
type Test = (&'static str, fn(&str));

/// Each test has a token of its own.
const TESTS: [Test; 10] = [
    ("generates_keys_that_never_leave_the_token", generation::never_leaves),
    ("does_not_replace_keys", generation::does_not_replace),
    ("signs_with_each_size_and_hash", signing::each_size_and_hash),
    ("signs_bundles_that_verify", signing::bundles_verify),
    ("signs_on_many_threads", signing::many_threads),
    ("selects_one_key", access::selects_one_key),
    ("does_not_repeat_a_rejected_pin", access::does_not_repeat_a_rejected_pin),
    ("recovers_from_a_logout", recovery::from_a_logout),
    ("recovers_from_a_library_that_was_finalised", recovery::from_a_finalised_library),
    ("recovers_when_the_token_is_back", recovery::when_the_token_is_back),
];

/// The folder of the tokens, for the inner run.
const FOLDER: &str = "SOFT_HSM_FOLDER";

fn main() -> ExitCode {
    if env::var_os(FOLDER).is_some() {
        let mut arguments = Arguments::from_args();
        // A library that is finalised is so for all tests.
        arguments.test_threads = Some(1);
        let trial = |(name, test): Test| {
            Trial::test(name, move || {
                test(name);
                Ok(())
            })
        };
        return libtest_mimic::run(&arguments, TESTS.map(trial).into()).exit_code();
    }
    // Labels have at most 32 characters.
    let tokens = TESTS.map(|(name, _)| name);
    let soft_hsm =
        tokens.iter().fold(SoftHsm::new(), |soft_hsm, name| soft_hsm.with_token(label(name)));
    let mut inner = Command::new(env::current_exe().unwrap());
    inner.args(env::args_os().skip(1)).env(FOLDER, soft_hsm.path(""));
    let status = inner.env(CONFIGURATION, soft_hsm.configuration()).status().unwrap();
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the label of a test's token.
fn label(test: &str) -> &str {
    &test[..test.len().min(32)]
}

/// Returns a file of the outer run's folder.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env::var_os(FOLDER).unwrap()).join(name)
}

/// Returns the URI of a key in the test's token.
fn key_uri(test: &str, object: &str) -> Pkcs11Uri {
    uri(label(test), object, &path("pin")).parse().unwrap()
}

/// Returns the library, which this process has initialised, and the slot of the test's token.
fn library_and_slot(test: &str) -> (Pkcs11, Slot) {
    let library = Pkcs11::new(soft_hsm::library()).unwrap();
    let _ = library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let slots = library.get_slots_with_token().unwrap();
    let is_token = |slot: &Slot| library.get_token_info(*slot).unwrap().label() == label(test);
    let slot = slots.into_iter().find(is_token).unwrap();
    (library, slot)
}
