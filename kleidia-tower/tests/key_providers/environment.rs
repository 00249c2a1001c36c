//! Keys from a variable. A process can't safely change its own, so each step of a rotation is a
//! process of its own, as it is for a service.

use std::env;
use std::process::Command;

use kleidia_tower::access_token::{KeyEnvironmentError, KeyRing};

use crate::texts::{BAD, NEW, OLD, ROTATED};
use crate::token::{is_good, sign};

/// Set where this program was started by the test in it.
const TOKEN: &str = "KLEIDIA_TEST_TOKEN";
const KEYS: &str = "KLEIDIA_TEST_KEYS";

#[test]
fn a_service_that_is_started_anew_rotates_its_keys() {
    if let Ok(token) = env::var(TOKEN) {
        return serve(&token);
    }
    let old = run(OLD, "");
    assert_eq!((old.kid.as_str(), old.is_good), ("2026-10", false));
    let rotated = run(&ROTATED.replace('\n', ","), &old.token);
    assert_eq!((rotated.kid.as_str(), rotated.is_good), ("2026-11", true));
    assert!(run(NEW, &rotated.token).is_good);
    assert!(!run(NEW, &old.token).is_good);
    for (text, reason) in BAD {
        assert_eq!(run(text, "").error, format!("the variable {KEYS}: {reason}"));
    }
}

#[test]
fn a_variable_has_to_be_set() {
    let error = KeyRing::from_env("KLEIDIA_TEST_UNSET").unwrap_err();
    assert!(matches!(error, KeyEnvironmentError::Unset(name) if name == "KLEIDIA_TEST_UNSET"));
}

/// What a process said.
#[derive(Default)]
struct Said {
    kid: String,
    token: String,
    is_good: bool,
    error: String,
}

/// In the process that was started.
fn serve(token: &str) {
    match KeyRing::from_env(KEYS) {
        Ok(keys) => {
            let (kid, new) = sign(&keys);
            println!("\nsaid {kid} {new} {}", is_good(&keys, token));
        }
        Err(error) => println!("\nrefused {error}"),
    }
}

fn run(keys: &str, token: &str) -> Said {
    let name = "environment::a_service_that_is_started_anew_rotates_its_keys";
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", name, "--nocapture"]).env(KEYS, keys).env(TOKEN, token);
    let output = String::from_utf8(program.output().unwrap().stdout).unwrap();
    let said = output.lines().find_map(|line| {
        line.split_once(' ').filter(|(word, _)| ["said", "refused"].contains(word))
    });
    match said.unwrap() {
        ("said", rest) => {
            let words: Vec<_> = rest.split(' ').map(str::to_owned).collect();
            let [kid, token, is_good] = words.try_into().unwrap();
            Said { kid, token, is_good: is_good == "true", error: String::new() }
        }
        (_, error) => Said { error: error.to_owned(), ..Said::default() },
    }
}
