//! The way of a session through the store in memory.

use std::collections::BTreeSet;

use kleidia_tower::account::{AccountStore, NewAccount, PasswordHash};
use kleidia_tower::audit::{AuditQuery, AuditStore, ChainCheck, ChainHead, EventKind};
use kleidia_tower::lockout::{Attempt, Source};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::{NewSession, Opened, Rotated, Rotation, SessionStore};
use kleidia_tower::store::{Change, MemoryStore};
use kleidia_tower::{Origin, TokenDigest, WrappedToken};

const NOW: i64 = 1_795_370_580;

fn at(second: i64) -> Change {
    Change { at: NOW + second, origin: Origin::default(), actor: None }
}

fn rotation(presented: u8, successor: u8) -> Rotation {
    Rotation {
        presented: TokenDigest([presented; 32]),
        successor: TokenDigest([successor; 32]),
        wrapped: WrappedToken([successor; 32]),
        session_token: TokenDigest([successor; 32]),
        expires_at: NOW + 3600,
        refresh_expires_at: NOW + 7 * 24 * 3600,
        grace: 10,
    }
}

#[tokio::test]
async fn a_token_that_is_used_twice_ends_its_session() {
    let store = MemoryStore::default();
    let new = NewAccount {
        name: "alice".parse().unwrap(),
        roles: BTreeSet::from([RoleName::user()]),
        password: PasswordHash::new("$argon2id$".to_owned()),
    };
    let alice = store.create_account(new, &at(0)).await.unwrap().value.unwrap();
    let new = NewSession {
        user: alice.id,
        expected: PasswordHash::new("$argon2id$".to_owned()),
        rehashed: None,
        token: TokenDigest([0; 32]),
        refresh_token: TokenDigest([1; 32]),
        expires_at: NOW + 3600,
        refresh_expires_at: NOW + 7 * 24 * 3600,
        attempt: Attempt { name: alice.name.clone(), source: Source::new(None) },
    };
    let opened = store.open(new, &at(0)).await.unwrap().value;
    assert!(matches!(opened, Opened::Session(_)));

    let first = store.rotate(&rotation(1, 2), &at(1)).await.unwrap().value;
    assert!(matches!(first, Rotated::First { .. }));
    let again = store.rotate(&rotation(1, 3), &at(10)).await.unwrap().value;
    let successor = TokenDigest([2; 32]);
    assert!(matches!(again, Rotated::Again { successor: digest, .. } if digest == successor));
    let reused = store.rotate(&rotation(1, 3), &at(11)).await.unwrap().value;
    assert!(matches!(reused, Rotated::Reused(_)));
    let after = store.rotate(&rotation(2, 4), &at(11)).await.unwrap().value;
    assert!(matches!(after, Rotated::Invalid));
    assert!(store.sessions_of(alice.id, NOW + 11).await.unwrap().is_empty());

    let query = AuditQuery { limit: 3, ..AuditQuery::default() };
    let kinds = store.records(&query).await.unwrap();
    let kinds: Vec<_> = kinds.into_iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [EventKind::SessionEnded, EventKind::TokenReuse, EventKind::TokenRefresh]);
    let check = store.verify_chain(ChainHead::default()).await.unwrap();
    assert!(matches!(check, ChainCheck::Intact(head) if head.sequence == 7), "{check:?}");
}
