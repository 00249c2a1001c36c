//! The locks of the operations, each with another operation whose outcome is wrong without it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::locks::Lock;
use crate::operations::Operation::{self, *};
use crate::pair::Nodes;

/// Each lock of each operation, and another operation. Without the lock, some interleaving of both has
/// an outcome that neither order has, a deadlock, or a purge that waits.
pub(crate) const NEEDED: [(Lock, Operation, Operation); 40] = [
    (Lock::Administration, CreateAccount, DisableOther),
    (Lock::Administration, DisableByOther, DisableOther),
    (Lock::Administration, EndSessionsOfUsers, EndSessionsOfUsers),
    (Lock::Administration, IssueCodeByOther, DisableOther),
    (Lock::Administration, Import, Import),
    (Lock::Account, LogIn, ChangePassword),
    (Lock::Account, RefreshExpired, LogOutEverywhere),
    (Lock::Account, LogOutEverywhere, RefreshExpired),
    (Lock::Account, EndSessionsOfUsers, RefreshExpired),
    (Lock::Account, ChangePassword, LogIn),
    (Lock::Account, Disable, LogIn),
    (Lock::Account, RegisterAgent, RegisterAgent),
    (Lock::Account, IssueCode, IssueCode),
    (Lock::Account, Recover, ChangePassword),
    (Lock::Account, RequireChange, RequireChange),
    (Lock::Account, ReplaceProfile, ReplaceProfile),
    (Lock::Account, BeginCeremony, BeginCeremony),
    (Lock::Account, AddFactor, AddFactor),
    (Lock::Account, UseFactor, UseFactor),
    (Lock::Account, RemoveFactor, RemoveFactor),
    (Lock::Failures, LogIn, Reserve),
    (Lock::Failures, Reserve, Reserve),
    (Lock::Failures, RecordFailure, RecordFailure),
    (Lock::Failures, RecordThrottled, RecordFailure),
    (Lock::Failures, Release, RecordFailure),
    (Lock::Failures, Unlock, RecordFailure),
    (Lock::Failures, AddDevice, AddDevice),
    (Lock::Failures, Recover, RecordFailure),
    (Lock::Failures, Rename, AddDevice),
    (Lock::Failures, Erase, AddDevice),
    (Lock::Failures, UseFactor, RecordFailure),
    (Lock::RefreshToken, Refresh, Purge),
    (Lock::Touched, Touch, LogOut),
    (Lock::PurgedTokens, Purge, Refresh),
    (Lock::PurgedFamilies, Purge, LogOut),
    (Lock::PurgedFailures, Purge, RecordLateFailure),
    (Lock::PurgedCodes, Purge, IssueCode),
    (Lock::Sealing, Seal, Seal),
    (Lock::Sealing, Detach, ReplaceKey),
    (Lock::Sealing, ReplaceKey, Seal),
];

/// The other statements that lock, in the files that have them, with the tests that need them.
const ELSEWHERE: [(&str, &str, &str, &str); 2] = [
    (
        "migrations.rs",
        "SELECT pg_advisory_xact_lock($1)",
        "postgres/schema.rs",
        "starting_nodes_migrate_once",
    ),
    (
        "audit.rs",
        "SELECT pg_try_advisory_xact_lock($1)",
        "postgres/tampered_log.rs",
        "held_lock_of_the_log_is_reported",
    ),
];

/// Locks of operations of pairs that no pair needs, with their tests. No transaction of several
/// statements changes a session that a purge deletes: it has expired long ago. A touch, of one statement,
/// does.
const LOCKS_ELSEWHERE: [(Lock, &str, &str, &str); 1] =
    [(Lock::PurgedSessions, "purge", "postgres/locks.rs", "purge_skips_locked_sessions")];

/// Locks without which the outcomes are the same: another lock of the operation, or its first statement
/// that writes, orders it too. `rename` and `erase` read only what operations with both locks change, and
/// `take_ceremony` is one statement that deletes.
const IMPLIED: [(Lock, &str); 5] = [
    (Lock::Administration, "rename"),
    (Lock::Administration, "erase"),
    (Lock::Account, "rename"),
    (Lock::Account, "erase"),
    (Lock::Account, "take_ceremony"),
];

/// Operations whose locks have a test elsewhere.
const OPERATIONS_ELSEWHERE: [(&str, &str, &str); 1] =
    [("check_key", "postgres/locks.rs", "key_of_a_new_log_is_registered_once")];

/// What every statement that locks rows or a number contains.
const WORDS: [&str; 7] = [
    "FOR UPDATE",
    "FOR NO KEY UPDATE",
    "FOR SHARE",
    "FOR KEY SHARE",
    "LOCK TABLE",
    "advisory",
    "DO UPDATE SET failures = failures.failures",
];

#[tokio::test(flavor = "multi_thread")]
async fn operations_need_their_locks() {
    let mut missing = Vec::new();
    for (lock, operation, other) in NEEDED {
        let mut nodes = Nodes::start_without(Some(lock)).await;
        if let Ok(count) = nodes.search([operation, other]).await {
            missing.push(format!("{lock:?} in {operation:?}: {count} schedules with {other:?}"));
        }
    }
    assert!(missing.is_empty(), "not needed: {missing:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn table_has_each_lock_of_each_operation() {
    let mut nodes = Nodes::start().await;
    let mut taken = BTreeSet::new();
    for operation in Operation::ALL {
        let locks = nodes.locks(operation).await;
        taken.extend(locks.into_iter().map(|lock| (lock, operation.method())));
    }
    let needed = NEEDED.map(|(lock, operation, _)| (lock, operation.method()));
    let elsewhere = LOCKS_ELSEWHERE.map(|(lock, method, ..)| (lock, method));
    assert_eq!(taken, needed.into_iter().chain(elsewhere).chain(IMPLIED).collect());
}

#[test]
fn table_has_each_lock_in_the_sources() {
    for (name, mut text) in sources("src/store/postgres") {
        for lock in Lock::ALL {
            let (start, clause) = lock.statement();
            remove(&mut text, start, clause);
        }
        for (file, statement, ..) in ELSEWHERE {
            if file == name {
                remove(&mut text, statement, "");
            }
        }
        for word in WORDS {
            assert!(!text.contains(word), "{name} has a lock that no test needs: {word}");
        }
    }
}

#[test]
fn pairs_have_each_operation_in_the_sources() {
    let sources = sources("src/store");
    let started = sources.iter().flat_map(|(_, text)| text.split("Operation::new(\"").skip(1));
    let started = started.filter_map(|rest| rest.split('"').next()).collect::<BTreeSet<_>>();
    let of_pairs = Operation::ALL.map(Operation::method);
    // It runs its statements without an `Operation`.
    let of_pairs = of_pairs.into_iter().filter(|method| *method != "purge");
    let elsewhere = OPERATIONS_ELSEWHERE.map(|(method, ..)| method);
    assert_eq!(started, of_pairs.chain(elsewhere).collect());
}

#[test]
fn tests_elsewhere_exist() {
    let of_statements = ELSEWHERE.map(|(_, _, file, test)| (file, test));
    let of_locks = LOCKS_ELSEWHERE.map(|(.., file, test)| (file, test));
    let of_operations = OPERATIONS_ELSEWHERE.map(|(_, file, test)| (file, test));
    for (file, test) in of_statements.into_iter().chain(of_locks).chain(of_operations) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(&format!("async fn {test}()")), "{file} has no test {test}");
    }
}

/// Removes a clause from the statement that starts with this, if a file has it.
fn remove(text: &mut String, start: &str, clause: &str) {
    let Some(start_at) = text.find(start) else { return };
    let Some(clause_at) = text[start_at..].find(clause) else { return };
    let (from, length) = if clause.is_empty() {
        (start_at, start.len())
    } else {
        (start_at + clause_at, clause.len())
    };
    text.replace_range(from..from + length, "");
}

/// Returns the names and texts of the files in a folder, without comments and line breaks of
/// statements.
fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let text: Vec<_> = lines.collect();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, text.join("\n").replace("\\\n", ""))
    };
    files.map(read).collect()
}
