//! Failed logins with unknown names, which are counted instead of recorded past a limit, do as much as
//! those with the name of an account.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountError, AccountSettings, Accounts, LoginRequest};
use kleidia_tower::audit::{AuditQuery, EventKind, RejectionLimits};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;

use crate::numbered::audit_key;
use crate::proxy::Proxy;

const NAMES: usize = 200;

/// A service whose requests to the database are counted.
struct Fixture {
    accounts: Accounts,
    proxy: Proxy,
}

impl Fixture {
    async fn new() -> Self {
        let server = PostgresServer::shared();
        let url = server.create_database();
        let proxy = Proxy::start(&url, server.port()).await;
        let options = PostgresOptions::default();
        let options = options.with_seal_interval(Duration::from_secs(3600)).unwrap();
        let store = PostgresStore::open_with(&proxy.url, audit_key(), options).await.unwrap();
        let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let keys = Arc::new(KeyRing::new([SigningKey::generate().unwrap()]).unwrap());
        let limits = RejectionLimits::default().with_per_source(1).unwrap();
        let settings = AccountSettings::default().with_rejection_limits(limits);
        let accounts = Accounts::new(Arc::new(store), keys, hasher.start().unwrap());
        Self { accounts: accounts.with_settings(settings), proxy }
    }

    /// Returns how many requests to the database a login that fails causes, and how long it takes.
    async fn fail(&self, name: String) -> (u64, Duration) {
        let (before, start) = (self.proxy.requests(), Instant::now());
        let request = LoginRequest {
            user_name: name,
            password: "wrong".into(),
            client: ClientInfo::new("192.0.2.1".parse().unwrap()),
            device_token: None,
        };
        let failed = self.accounts.log_in(request).await;
        assert!(matches!(failed, Err(AccountError::InvalidCredentials)), "{failed:?}");
        (self.proxy.requests() - before, start.elapsed())
    }
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_name_makes_as_many_requests_as_a_known_one() {
    let fixture = Fixture::new().await;
    for number in 0..NAMES {
        let (name, roles) = (format!("known-{number}"), [RoleName::user()].into());
        let password = "correct horse battery staple".into();
        let created =
            fixture.accounts.create_user(None, &name, password, roles, ClientInfo::default());
        created.await.unwrap();
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..NAMES {
        known.push(fixture.fail(format!("known-{number}")).await);
        unknown.push(fixture.fail(format!("unknown-{number}")).await);
    }
    let [known, unknown] = [known, unknown].map(|failed| {
        let (requests, times): (Vec<_>, Vec<_>) = failed.into_iter().unzip();
        (median(requests), median(times))
    });
    println!("medians of {NAMES} failed logins: known {known:?}, unknown {unknown:?}");
    // Background work may ask the database, too, but not during most logins.
    assert_eq!(known.0, unknown.0);

    let query =
        AuditQuery { kind: Some(EventKind::LoginFailure), limit: 1000, ..Default::default() };
    let recorded = fixture.accounts.audit(&query).await.unwrap();
    let unknown = recorded.iter().filter(|record| record.reason.as_deref() == Some("unknown-user"));
    assert!(unknown.count() < NAMES / 2, "they are counted");
}
