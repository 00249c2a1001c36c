//! Users who refresh their sessions.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::audit::AuditKey;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use secrecy::SecretString;

use crate::CLIENTS;

const PASSWORD: &str = "correct horse battery staple";

/// Accounts, and the refresh token of each user.
pub(crate) struct People {
    accounts: Accounts,
    tokens: Vec<SecretString>,
}

impl People {
    pub(crate) async fn new(database: &str) -> Self {
        // A quarter of the connections is for reads alone.
        let connections = CLIENTS + CLIENTS / 3 + 1;
        let options = PostgresOptions::default().with_max_connections(connections);
        let options = options.expect("few connections");
        let store = PostgresStore::open_with(
            database,
            AuditKey::generate("bench.example").expect("a key"),
            options,
        )
        .await
        .expect("a database");
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let hasher = options.start().expect("a hasher");
        let key = SigningKey::new("2026-11", vec![7; 32]).expect("a secret that is long enough");
        let keys = Arc::new(KeyRing::new([key]).expect("a key"));
        let accounts = Accounts::new(Arc::new(store), keys, hasher);
        let mut tokens = Vec::new();
        for number in 1..=CLIENTS {
            tokens.push(log_in(&accounts, &format!("user-{number}")).await);
        }
        Self { accounts, tokens }
    }

    /// Refreshes all sessions at the same time, again and again, and returns the refreshes per
    /// second.
    pub(crate) async fn refresh(&mut self, time: Duration) -> f64 {
        let start = Instant::now();
        let clients = self.tokens.drain(..).map(|mut token| {
            let accounts = self.accounts.clone();
            tokio::spawn(async move {
                let mut refreshes = 0_u32;
                while start.elapsed() < time {
                    token = refresh(&accounts, &token).await;
                    refreshes += 1;
                }
                (token, refreshes)
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut refreshes = 0;
        for client in clients {
            let (token, count) = client.await.expect("no panic");
            self.tokens.push(token);
            refreshes += count;
        }
        f64::from(refreshes) / start.elapsed().as_secs_f64()
    }

    /// Refreshes one session a number of times.
    pub(crate) async fn refresh_once(&mut self, times: u32) {
        for _ in 0..times {
            self.tokens[0] = refresh(&self.accounts, &self.tokens[0]).await;
        }
    }
}

async fn refresh(accounts: &Accounts, token: &SecretString) -> SecretString {
    let client = ClientInfo::new(Ipv4Addr::LOCALHOST.into());
    accounts.refresh(token, client).await.expect("a session").refresh_token
}

async fn log_in(accounts: &Accounts, name: &str) -> SecretString {
    let client = ClientInfo::new(Ipv4Addr::LOCALHOST.into());
    let created = accounts.create_user(None, name, PASSWORD.into(), [].into(), client.clone());
    created.await.expect("an account");
    let user_name = name.to_owned();
    let log_in = LoginRequest { user_name, password: PASSWORD.into(), client, device_token: None };
    accounts.log_in(log_in).await.expect("a session").refresh_token
}
