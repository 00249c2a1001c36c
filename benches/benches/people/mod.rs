//! Users of `Accounts` on PostgreSQL.

#![allow(dead_code, reason = "each benchmark uses some of it")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountSettings, Accounts, LoginRequest, TokenSet};
use kleidia_tower::audit::AuditKey;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use secrecy::SecretString;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Accounts whose passwords are hashed at the lowest cost.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) accounts: Accounts,
    pub(crate) store: Arc<PostgresStore>,
}

impl People {
    /// Opens a database for so many operations at the same time.
    pub(crate) async fn open(database: &str, concurrency: u32) -> Self {
        // A quarter of the connections is for reads alone, and one for background work.
        let connections = concurrency + concurrency / 3 + 2;
        let options = PostgresOptions::default().with_max_connections(connections);
        let options = options.expect("few connections");
        let key = AuditKey::generate("bench.example").expect("a key");
        let store = PostgresStore::open_with(database, key, options).await.expect("a database");
        let permits = usize::try_from(concurrency).expect("a number");
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let hasher = options.with_permits(permits).expect("permits").start().expect("a hasher");
        let key = SigningKey::new("2026-11", vec![7; 32]).expect("a secret that is long enough");
        let keys = Arc::new(KeyRing::new([key]).expect("a key"));
        let store = Arc::new(store);
        let unlimited = "1000000/1".parse().expect("a limit");
        let settings = AccountSettings::default().with_refresh_limit(unlimited);
        let accounts = Accounts::new(Arc::clone(&store) as _, keys, hasher);
        Self { accounts: accounts.with_settings(settings), store }
    }

    pub(crate) async fn create(&self, name: &str) {
        let created = self.accounts.create_user(None, name, PASSWORD.into(), [].into(), client());
        created.await.expect("an account");
    }

    pub(crate) async fn log_in(&self, name: &str, device: Option<SecretString>) -> TokenSet {
        let request = LoginRequest {
            user_name: name.to_owned(),
            password: PASSWORD.into(),
            client: client(),
            device_token: device,
        };
        self.accounts.log_in(request).await.expect("a session")
    }

    pub(crate) async fn refresh(&self, token: &SecretString) -> SecretString {
        self.accounts.refresh(token, client()).await.expect("a session").refresh_token
    }
}

pub(crate) fn client() -> ClientInfo {
    ClientInfo::new(Ipv4Addr::LOCALHOST.into())
}

/// Repeats an operation, each time with the state that it returned.
pub(crate) async fn repeat<S, F: Future<Output = S>>(
    mut state: S,
    times: u32,
    operation: impl Fn(S) -> F,
) -> S {
    for _ in 0..times {
        state = operation(state).await;
    }
    state
}

/// Repeats an operation with each of the states at the same time, and returns the operations per
/// second.
pub(crate) async fn rate<S, F>(states: &mut Vec<S>, time: Duration, operation: fn(S) -> F) -> f64
where
    S: Send + 'static,
    F: Future<Output = S> + Send + 'static,
{
    let start = Instant::now();
    let tasks = states.drain(..).map(|mut state| {
        tokio::spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < time {
                state = operation(state).await;
                count += 1;
            }
            (state, count)
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut total = 0;
    for task in tasks {
        let (state, count) = task.await.expect("no panic");
        states.push(state);
        total += count;
    }
    f64::from(total) / start.elapsed().as_secs_f64()
}
