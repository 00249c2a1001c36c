//! Tests that no operation touches the rows of two accounts, unless it locks the administration.

mod recording_rows;
mod recording_store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use self::recording_store::RecordingStore;
use super::{Store, conformance};

/// Which accounts the transactions of an operation touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AccountScope {
    /// At most one.
    One,
    /// Several, under the lock of the administration.
    Administration,
    /// Several without that lock.
    Several,
}

/// The scopes of the operations that ran, by their names.
type Scopes = Arc<Mutex<BTreeMap<&'static str, AccountScope>>>;

#[tokio::test(flavor = "multi_thread")]
async fn only_administration_spans_accounts() {
    let scopes = Scopes::default();
    conformance::check(async || Arc::new(RecordingStore::new(&scopes)) as Arc<dyn Store>).await;
    let found = scopes.lock().unwrap().clone();
    let one = [
        "add_device",
        "add_factor",
        "begin_ceremony",
        "change_password",
        "end_sessions",
        "open_session",
        "record_failure",
        "record_throttled",
        "recover",
        "register_agent",
        "release_attempt",
        "remove_factors",
        "replace_key",
        "replace_profile",
        "require_password_change",
        "reserve_attempt",
        "rotate_refresh_token",
        "take_ceremony",
        "unlock",
        "use_factor",
    ];
    let expected = one.map(|name| (name, AccountScope::One)).into_iter().chain([
        ("create_account", AccountScope::Administration),
        ("import_accounts", AccountScope::Administration),
        ("issue_recovery_code", AccountScope::Administration),
        ("rename", AccountScope::Administration),
        ("erase", AccountScope::Administration),
        ("update_account", AccountScope::Administration),
        ("end_sessions_of_users", AccountScope::Administration),
        // Each row is on its own, so a store may spread them over transactions.
        ("append", AccountScope::Several),
        ("touch", AccountScope::Several),
    ]);
    assert_eq!(found, expected.collect());
}
