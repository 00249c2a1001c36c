//! The command line: accounts are created, settings are checked, and faults have clear words.

use std::process::Output;

use crate::portal::{ADMIN, PASSWORD, Place, command};
use crate::tokens::Tokens;

/// An address that nobody has (RFC 5737): what is wrong with other settings is told first, and
/// nothing goes on for ever.
const NOWHERE: [&str; 2] = ["--listen", "192.0.2.1:1"];

/// It failed, and said so in one line with these words.
#[track_caller]
fn fails(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = said[..] else { panic!("{said:?}") };
    for word in words {
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn an_admin_is_created() {
    let place = Place::new();
    let created = place.create_admin("Alice", PASSWORD);
    assert!(created.status.success(), "{created:?}");
    let said =
        String::from_utf8(created.stdout).unwrap() + &String::from_utf8_lossy(&created.stderr);
    assert!(said.contains("lice") && !said.contains(PASSWORD), "{said}");
    let portal = place.start(&[]);
    let alice = Tokens::of(&portal.log_in("alice", PASSWORD).send().await);
    portal.get("/api/admin/users").by(&alice).send().await.gives();
    // While the portal runs, too.
    assert!(portal.place.create_admin("bob", PASSWORD).status.success());
    portal.enter("bob").await;
}

#[test]
fn a_bad_admin_is_refused_with_reasons() {
    let place = Place::with_admin();
    fails(&place.create_admin("alice", "short"), &["fewer than 8 characters"]);
    fails(&place.create_admin("alice", "alice"), &["fewer than 8 characters", "the user name"]);
    fails(&place.create_admin("alice", ""), &["fewer than 8 characters"]);
    for name in [ADMIN, "ROOT", "\u{ff32}oot"] {
        fails(&place.create_admin(name, PASSWORD), &["already"]);
    }
    for name in ["", "al\u{200b}ice", " alice"] {
        fails(&place.create_admin(name, PASSWORD), &["name"]);
    }
}

#[test]
fn without_a_terminal_a_password_must_come_from_standard_input() {
    let place = Place::new();
    let asked = command(&place.database(), &["create-admin", "alice"]).output().unwrap();
    fails(&asked, &["--password-stdin"]);
}

#[test]
fn bad_settings_stop_the_start() {
    let place = Place::new();
    for (arguments, words) in [
        (["--access-ttl", "0s"], "--access-ttl: access TTL is out of bounds"),
        (["--session-ttl", "0s"], "--session-ttl: session TTL is out of bounds"),
        (["--refresh-ttl", "10ms"], "--refresh-ttl: refresh TTL is out of bounds"),
        (["--lockout-threshold", "0"], "--lockout-threshold must be"),
        (["--argon2-permits", "0"], "--argon2-permits must be"),
        (["--access-ttl", "1m"], "can't listen on 192.0.2.1:1"),
    ] {
        let output = command(&place.database(), &arguments).args(NOWHERE).output().unwrap();
        fails(&output, &[words]);
    }
    for arguments in [
        ["--access-ttl", "soon"],
        ["--login-limit", "3"],
        ["--login-limit", "0/60"],
        ["--api-limit", "3/0"],
        ["--trusted-proxy", "localhost"],
        ["--log", "xml"],
        ["--kliento-trust-anchor", "x"],
    ] {
        let output = command(&place.database(), &arguments).args(NOWHERE).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(arguments[0]) && said.contains(arguments[1]), "{said}");
    }
}

#[test]
fn a_database_that_is_none_is_told() {
    let place = Place::new();
    std::fs::write(place.database(), "this is no database, though it is long enough".repeat(99))
        .unwrap();
    let output = command(&place.database(), &NOWHERE).output().unwrap();
    fails(&output, &["portal.db"]);
    let nowhere = place.file("nowhere").join("portal.db");
    fails(&command(&nowhere, &NOWHERE).output().unwrap(), &["portal.db"]);
}

#[test]
fn help_tells_each_option_and_its_default() {
    let place = Place::new();
    let help = command(&place.database(), &["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in [
        "--listen",
        "--database",
        "--config",
        "--demo",
        "--access-ttl",
        "--refresh-ttl",
        "--session-ttl",
        "--refresh-grace",
        "--lockout-threshold",
        "--lockout-base",
        "--login-limit",
        "--api-limit",
        "--trusted-proxy",
        "--argon2-permits",
        "--log",
        "--kliento-audience",
        "--kliento-trust-anchor",
        "create-admin",
        "Examples:",
        "[default: 127.0.0.1:8080]",
        "[default: 30m]",
        "[default: 7d]",
        "[default: portal.db]",
    ] {
        assert!(help.contains(option), "{option} is not in\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    let version = command(&place.database(), &["--version"]).output().unwrap();
    assert!(String::from_utf8(version.stdout).unwrap().starts_with("portal "));
}
