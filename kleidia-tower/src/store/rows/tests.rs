//! Tests of the statements on accounts, profiles, one-time codes and factors, on each store.

use std::collections::BTreeSet;

use super::{Operation, Rows, Transactional};
use crate::account::{
    AccountLookup, CodePurpose, Factor, FactorKind, NewAccount, OneTimeCode, PasswordHash, Profile,
    ProfileEmail,
};
use crate::rbac::RoleName;
use crate::session::{AuthMethod, AuthMethods, Session, SessionEnd};
use crate::session::{EndReason, SessionLookup};
use crate::store::rows::{FailureRow, FailureScope};
use crate::store::{MemoryStore, PurgeStore, Retention};
use crate::{ClientInfo, FactorId, SessionId, Timestamp, TokenDigest, UserId, UserName};

const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);
const LATER: Timestamp = Timestamp::constant(1_795_370_590, 0);

/// Runs statements in a transaction of their own.
macro_rules! write {
    ($store:ident, |$rows:ident| $statements:expr) => {
        $store
            .write(Operation::new("test", |rows| {
                Box::pin(async move {
                    let $rows: &mut dyn Rows = rows.0;
                    Ok($statements)
                })
            }))
            .await
            .unwrap()
    };
}

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

async fn create(store: &impl Transactional, text: &str) -> Option<UserId> {
    let password = PasswordHash::new("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ$1".to_owned());
    let new = NewAccount::new(name(text), BTreeSet::from([RoleName::user()]), password);
    let new = NewAccount { must_change_password: true, ..new };
    let new = &new;
    write!(store, |rows| rows.insert_account(new, NOW).await?).map(|account| account.id)
}

async fn check(store: &(impl Transactional + PurgeStore)) {
    let (alice, bob) = (create(store, "alice").await.unwrap(), create(store, "bob").await.unwrap());
    check_names(store, alice, bob).await;
    check_profiles(store, alice, bob).await;
    check_codes(store, alice, bob).await;
    check_factors(store, alice, bob).await;
    check_authentication(store, alice).await;
    check_failures(store).await;
}

async fn check_names(store: &impl Transactional, alice: UserId, bob: UserId) {
    let rename = async |user, text| {
        let name = &name(text);
        write!(store, |rows| rows.rename_account(user, name).await?)
    };
    assert!(!rename(alice, "bob").await, "the name of another account");
    assert!(rename(alice, "carol").await);
    assert!(!rename(bob, "alice").await, "the former name of another account");
    assert_eq!(create(store, "alice").await, None, "the former name of another account");
    let (former, current) = (name("alice"), name("carol"));
    assert!(store.read_account(AccountLookup::Name(&former)).await.unwrap().is_none());
    let found = store.read_account(AccountLookup::Name(&current)).await.unwrap();
    let (account, _) = found.unwrap();
    assert_eq!((account.id, account.must_change_password), (alice, true));
    assert!(rename(alice, "alice").await, "a former name of its own");
    write!(store, |rows| {
        rows.set_must_change_password(alice, false).await?;
        rows.set_disabled(bob, true).await?;
        rows.set_erased(bob).await?;
    });
    let (account, _) = store.read_account(AccountLookup::Id(alice)).await.unwrap().unwrap();
    assert_eq!((account.must_change_password, account.is_erased), (false, false));
    let (account, _) = store.read_account(AccountLookup::Id(bob)).await.unwrap().unwrap();
    assert!(account.is_erased && account.is_disabled);
}

async fn check_profiles(store: &impl Transactional, alice: UserId, bob: UserId) {
    let address: crate::account::EmailAddress = "alice@example.com".parse().unwrap();
    let email = |is_verified| Some(ProfileEmail { address: address.clone(), is_verified });
    let profile = Profile {
        display_name: "Alice".parse().ok(),
        email: email(true),
        attributes: r#"{"locale":"en"}"#.parse().unwrap(),
    };
    let unverified = Profile { email: email(false), ..Profile::default() };
    let (hers, his) = (&profile, &unverified);
    write!(store, |rows| {
        rows.put_profile(alice, his).await?;
        rows.put_profile(alice, hers).await?;
        rows.put_profile(bob, his).await?;
        assert_eq!(rows.profile(alice).await?, *hers);
    });
    let mut found = store.read_profiles(&[bob, alice]).await.unwrap();
    found.sort_unstable_by_key(|(user, _)| *user);
    assert_eq!(found, [(alice, profile.clone()), (bob, unverified.clone())]);
    assert_eq!(store.read_users_by_email(&address, 9).await.unwrap(), [alice]);
    assert!(store.read_users_by_email(&address, 0).await.unwrap().is_empty());
    write!(store, |rows| rows.put_profile(alice, &Profile::default()).await?);
    assert_eq!(write!(store, |rows| rows.profile(alice).await?), Profile::default());
    assert!(store.read_users_by_email(&address, 9).await.unwrap().is_empty());
}

fn code(number: u8, user: Option<UserId>, purpose: CodePurpose) -> OneTimeCode {
    let (digest, data) = (TokenDigest([number; 32]), format!("data {number}"));
    OneTimeCode { digest, user, purpose, data, created_at: NOW, expires_at: LATER }
}

async fn check_codes(store: &(impl Transactional + PurgeStore), alice: UserId, bob: UserId) {
    use CodePurpose::{EmailVerification, PasskeyLogin, Recovery};
    let codes = [
        code(1, Some(alice), Recovery),
        code(2, Some(alice), EmailVerification),
        code(3, Some(bob), Recovery),
        code(4, None, PasskeyLogin),
    ];
    let insert = async || {
        let codes = &codes;
        write!(store, |rows| {
            for code in codes {
                rows.insert_code(code).await?;
            }
        });
    };
    let left = async || {
        let mut left = Vec::new();
        for code in &codes {
            let found = store.read_code(&code.digest, code.purpose).await.unwrap();
            assert!(found.as_ref().is_none_or(|found| found == code));
            left.push(found.is_some());
        }
        left
    };
    insert().await;
    for (code, purpose) in [(&codes[0], EmailVerification), (&codes[3], Recovery)] {
        let digest = &code.digest;
        assert_eq!(write!(store, |rows| rows.code(digest, purpose).await?), None);
        assert_eq!(write!(store, |rows| rows.take_code(digest, purpose).await?), None);
    }
    for taken in [Some(&codes[0]), None] {
        let OneTimeCode { digest, purpose, .. } = &codes[0];
        assert_eq!(write!(store, |rows| rows.take_code(digest, *purpose).await?).as_ref(), taken);
    }
    assert_eq!(left().await, [false, true, true, true]);
    let deleted = write!(store, |rows| rows.delete_codes(alice, Some(Recovery)).await?);
    assert_eq!(deleted, 0);
    assert_eq!(write!(store, |rows| rows.delete_codes(alice, None).await?), 1);
    assert_eq!(left().await, [false, false, true, true]);
    assert_eq!(store.purge(NOW, &Retention::default(), 9).await.unwrap(), 0);
    assert_eq!(store.purge(LATER, &Retention::default(), 1).await.unwrap(), 1);
    assert_eq!(store.purge(LATER, &Retention::default(), 9).await.unwrap(), 1);
    assert_eq!(left().await, [false; 4]);
    insert().await;
    assert_eq!(write!(store, |rows| rows.delete_codes(alice, Some(Recovery)).await?), 1);
    assert_eq!(left().await, [false, true, true, true]);
}

async fn check_factors(store: &impl Transactional, alice: UserId, bob: UserId) {
    let factor = |user, kind, credential: Option<&[u8]>| Factor {
        id: FactorId::new(0),
        user,
        kind,
        credential: credential.map(<[u8]>::to_vec),
        label: "My phone".parse().unwrap(),
        data: "secret".to_owned(),
        created_at: NOW,
        last_used_at: None,
    };
    let insert = async |factor: Factor| {
        let factor = &factor;
        write!(store, |rows| rows.insert_factor(factor.clone()).await?)
    };
    let app = insert(factor(alice, FactorKind::Totp, None)).await.unwrap();
    let codes = insert(factor(alice, FactorKind::RecoveryCodes, None)).await.unwrap();
    let passkey = insert(factor(bob, FactorKind::Passkey, Some(b"id"))).await.unwrap();
    assert!(insert(factor(alice, FactorKind::Passkey, Some(b"id"))).await.is_none());
    assert_eq!(store.read_factors(alice).await.unwrap(), [app.clone(), codes.clone()]);
    let found = store.read_factor_by_credential(b"id").await.unwrap();
    assert_eq!(found, Some(passkey.clone()));
    assert_eq!(write!(store, |rows| rows.factor_by_credential(b"other").await?), None);

    let label = "Tablet".parse().unwrap();
    let used = Factor { label, data: "used".to_owned(), last_used_at: Some(LATER), ..app };
    let stolen = Factor { user: bob, ..used.clone() };
    let (used, stolen) = (&used, &stolen);
    assert!(!write!(store, |rows| rows.update_factor(stolen).await?));
    assert!(write!(store, |rows| rows.update_factor(used).await?));
    assert_eq!(write!(store, |rows| rows.factors(alice).await?), [used.clone(), codes.clone()]);
    assert!(!write!(store, |rows| rows.delete_factor(bob, codes.id).await?));
    assert!(write!(store, |rows| rows.delete_factor(alice, codes.id).await?));
    assert_eq!(write!(store, |rows| rows.delete_factors(alice).await?), 1);
    assert!(store.read_factors(alice).await.unwrap().is_empty());
    assert_eq!(store.read_factors(bob).await.unwrap(), [passkey]);
}

async fn check_authentication(store: &impl Transactional, alice: UserId) {
    let session = write!(store, |rows| {
        let family = rows.insert_family(alice).await?;
        let session = Session {
            id: SessionId::new(0),
            user: alice,
            family,
            client: ClientInfo::default(),
            created_at: NOW,
            authenticated_at: NOW,
            methods: AuthMethods::password(),
            last_seen_at: NOW,
            expires_at: LATER,
            end: None,
            agent_key: None,
        };
        rows.insert_session(session, TokenDigest([9; 32])).await?
    });
    let methods = AuthMethods::password().with(AuthMethod::OneTimePassword);
    let set =
        async |at| write!(store, |rows| rows.set_authentication(session.id, methods, at).await?);
    assert!(set(LATER).await);
    let view = store.read_session(SessionLookup::Id(session.id)).await.unwrap().unwrap();
    assert_eq!((view.session.methods, view.session.authenticated_at), (methods, LATER));
    let end = SessionEnd { at: NOW, reason: EndReason::Logout };
    write!(store, |rows| rows.end_active_sessions(alice, None, end).await?);
    assert!(!set(NOW).await, "the session has ended");
}

async fn check_failures(store: &impl Transactional) {
    let (from, to) = (&name("from"), &name("to"));
    let row = |failures| FailureRow { failures, expires_at: LATER, ..FailureRow::default() };
    let device = FailureScope::Device(TokenDigest([1; 32]));
    write!(store, |rows| {
        rows.put_failures(from, device, &row(1)).await?;
        rows.put_failures(from, FailureScope::Account, &row(2)).await?;
        rows.put_failures(to, device, &row(3)).await?;
        rows.put_failures(to, FailureScope::Session(SessionId::new(7)), &row(4)).await?;
        rows.move_failures(from, to).await?;
        assert_eq!(rows.failures(from, device).await?, None);
        assert_eq!(rows.failures(to, device).await?, Some(row(1)));
        assert_eq!(rows.failures(to, FailureScope::Account).await?, Some(row(2)));
        assert_eq!(rows.failures(to, FailureScope::Session(SessionId::new(7))).await?, None);
        rows.delete_failures(to).await?;
        assert_eq!(rows.failures(to, device).await?, None);
        assert_eq!(rows.failures(to, FailureScope::Account).await?, None);
    });
}

#[tokio::test]
async fn memory_store_has_the_rows_of_people() {
    check(&MemoryStore::default()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_store_has_the_rows_of_people() {
    use crate::audit::AuditKey;
    let directory = tempfile::tempdir().unwrap();
    let key = AuditKey::generate("tests").unwrap();
    let path = directory.path().join("accounts.db");
    let store = crate::store::SqliteStore::open(path, key).await.unwrap();
    check(&store).await;
    store.close().await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_store_has_the_rows_of_people() {
    use crate::audit::AuditKey;
    let url = test_servers::PostgresServer::shared().create_database();
    let key = AuditKey::generate("tests").unwrap();
    let store = crate::store::PostgresStore::open(&url, key).await.unwrap();
    check(&store).await;
    store.close();
}
