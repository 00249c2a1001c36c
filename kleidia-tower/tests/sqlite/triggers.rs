//! Triggers that protect the audit log and accounts, and the detection of changes without them.

use kleidia_tower::account::AccountStore as _;
use kleidia_tower::audit::{AuditStore as _, ChainCheck, ChainHead};
use kleidia_tower::session::{EndReason, SessionSelector, SessionStore as _};

use crate::fixture::{TempDatabase, at, create, log_in};

/// Creates a log of 5 records: two accounts, a login with its session, and its end.
async fn database_with_log() -> (TempDatabase, ChainHead) {
    let database = TempDatabase::new();
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    create(&store, "bob").await;
    log_in(&store, &alice, 1).await;
    let all = SessionSelector::All { user: alice.id };
    drop(store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
    let ChainCheck::Intact(head) = store.verify_chain(ChainHead::default()).await.unwrap() else {
        panic!("the chain is broken");
    };
    assert_eq!(head.sequence, 5);
    store.close().await;
    (database, head)
}

#[tokio::test]
async fn triggers_protect_log_and_accounts() {
    let (database, head) = database_with_log().await;
    let mut connection = database.connect().await;
    for statement in [
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 5",
        "UPDATE audit SET reason = 'another'",
        "UPDATE audit SET sequence = 6 WHERE sequence = 5",
        "UPDATE OR REPLACE audit SET sequence = 1 WHERE sequence = 2",
        "UPDATE OR IGNORE audit SET reason = 'another'",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 1",
        "REPLACE INTO audit SELECT * FROM audit WHERE sequence = 5",
        "INSERT INTO audit SELECT 7, at, kind, outcome, NULL, NULL, NULL, NULL, NULL, NULL, \
         NULL, NULL, NULL, NULL, digest FROM audit WHERE sequence = 5",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET digest = zeroblob(32)",
        "UPDATE audit_head SET sequence = sequence - 1",
        "UPDATE audit_head SET sequence = sequence + 1",
        "UPDATE audit_head SET id = NULL",
        "INSERT INTO audit_head VALUES (2, 0, zeroblob(32))",
        "REPLACE INTO audit_head VALUES (1, 0, zeroblob(32))",
        "DELETE FROM accounts",
        "REPLACE INTO accounts SELECT * FROM accounts WHERE id = 1",
        "INSERT OR REPLACE INTO accounts SELECT NULL, name, name_digest, roles, 0, 0, 0, '', '' \
         FROM accounts",
        "INSERT OR REPLACE INTO accounts SELECT NULL, 'carol', name_digest, roles, 0, 0, 0, '', '' \
         FROM accounts",
        "UPDATE accounts SET name = 'carol' WHERE id = 1",
        "UPDATE accounts SET name_digest = zeroblob(32) WHERE id = 1",
        "UPDATE OR REPLACE accounts SET name = 'bob' WHERE id = 1",
        "UPDATE OR REPLACE accounts SET id = 2 WHERE id = 1",
        "INSERT INTO sessions SELECT NULL, user, family, x'00', ip, user_agent, 0, 0, 0, 0, NULL, \
         NULL, NULL FROM sessions",
        "INSERT INTO refresh_tokens VALUES (x'00', 1, 1, 0, NULL, NULL, NULL)",
    ] {
        let result = sqlx::query(statement).execute(&mut connection).await;
        assert!(result.is_err(), "{statement}");
    }
    let store = database.open().await;
    let check = store.verify_chain(ChainHead::default()).await.unwrap();
    assert_eq!(check, ChainCheck::Intact(head));
    let accounts = store.accounts(None, 10).await.unwrap();
    let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
}

#[tokio::test]
async fn verification_detects_altered_log() {
    for (alteration, broken) in [
        ("UPDATE audit SET reason = 'another' WHERE sequence = 3", 3),
        ("UPDATE audit SET user_agent = NULL WHERE sequence = 1", 1),
        ("UPDATE audit SET kind = 'another' WHERE sequence = 2", 2),
        ("UPDATE audit SET user_name = 'bob' WHERE sequence = 1", 1),
        ("UPDATE audit SET method = 'GET' WHERE sequence = 2", 2),
        ("UPDATE audit SET method = 'GET', route = '/users' WHERE sequence = 4", 4),
        ("DELETE FROM audit WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 5", 5),
        ("DELETE FROM audit WHERE sequence > 2", 3),
        ("UPDATE audit SET digest = zeroblob(32) WHERE sequence = 5", 5),
        ("UPDATE audit_head SET digest = zeroblob(32)", 5),
    ] {
        let (database, _) = database_with_log().await;
        database
            .execute(
                "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted; \
                 DROP TRIGGER audit_head_goes_forward",
            )
            .await;
        database.execute(alteration).await;
        let check = database.open().await.verify_chain(ChainHead::default()).await.unwrap();
        assert_eq!(check, ChainCheck::Broken { sequence: broken }, "{alteration}");
    }
}

#[tokio::test]
async fn known_head_reveals_truncated_log() {
    let (database, head) = database_with_log().await;
    database
        .execute(
            "DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_head_goes_forward; \
             DELETE FROM audit WHERE sequence = 5; \
             UPDATE audit_head SET sequence = 4, \
             digest = (SELECT digest FROM audit WHERE sequence = 4)",
        )
        .await;
    let check = database.open().await.verify_chain(head).await.unwrap();
    assert_eq!(check, ChainCheck::Broken { sequence: 5 });
}
