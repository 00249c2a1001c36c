//! Keys from an environment variable. A process cannot safely change its own environment, so each
//! step of a rotation runs in a new process, as it does for a service.

use std::env;
use std::process::Command;

use kleidia_tower::access_token::{KeyEnvironmentError, KeyRing};

use crate::texts::{INVALID, NEW, OLD, ROTATED};
use crate::token::{is_valid, sign};

/// Set in the processes that the test starts.
const TOKEN: &str = "KLEIDIA_TEST_TOKEN";
const KEYS: &str = "KLEIDIA_TEST_KEYS";

#[test]
fn keys_rotate_at_restart() {
    if let Ok(token) = env::var(TOKEN) {
        return run_child(&token);
    }
    let old = run(OLD, "");
    assert_eq!((old.kid.as_str(), old.is_valid), ("2026-10", false));
    let rotated = run(&ROTATED.replace('\n', ","), &old.token);
    assert_eq!((rotated.kid.as_str(), rotated.is_valid), ("2026-11", true));
    assert!(run(NEW, &rotated.token).is_valid);
    assert!(!run(NEW, &old.token).is_valid);
    for (text, reason) in INVALID {
        assert_eq!(run(text, "").error, format!("the variable {KEYS}: {reason}"));
    }
}

#[test]
fn rejects_unset_variable() {
    let error = KeyRing::from_env("KLEIDIA_TEST_UNSET").unwrap_err();
    assert!(matches!(error, KeyEnvironmentError::Unset(name) if name == "KLEIDIA_TEST_UNSET"));
}

/// The output of a process.
#[derive(Default)]
struct ChildOutput {
    kid: String,
    token: String,
    is_valid: bool,
    error: String,
}

/// Runs in the started process.
fn run_child(token: &str) {
    match KeyRing::from_env(KEYS) {
        Ok(keys) => {
            let (kid, new) = sign(&keys);
            println!("\nvalid {kid} {new} {}", is_valid(&keys, token));
        }
        Err(error) => println!("\ninvalid {error}"),
    }
}

fn run(keys: &str, token: &str) -> ChildOutput {
    let name = "environment::keys_rotate_at_restart";
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", name, "--nocapture"]).env(KEYS, keys).env(TOKEN, token);
    let output = String::from_utf8(program.output().unwrap().stdout).unwrap();
    let result = output.lines().find_map(|line| {
        line.split_once(' ').filter(|(word, _)| ["valid", "invalid"].contains(word))
    });
    match result.unwrap() {
        ("valid", rest) => {
            let words: Vec<_> = rest.split(' ').map(str::to_owned).collect();
            let [kid, token, is_valid] = words.try_into().unwrap();
            ChildOutput { kid, token, is_valid: is_valid == "true", error: String::new() }
        }
        (_, error) => ChildOutput { error: error.to_owned(), ..ChildOutput::default() },
    }
}
