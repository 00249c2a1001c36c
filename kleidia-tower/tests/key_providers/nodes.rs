//! Two nodes on one store, whose keys are rotated.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future;
use kleidia_tower::access_token::KeyProvider;
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::MemoryStore;
use kleidia_tower::{ClientInfo, Rejection};
use secrecy::{ExposeSecret as _, SecretString};

use crate::texts::{NEW, OLD, ROTATED, THIRD};

const PASSWORD: &str = "correct horse battery staple";

/// Two nodes with keys of their own providers.
pub(crate) struct Nodes {
    first: Accounts,
    second: Accounts,
}

impl Nodes {
    pub(crate) async fn new(first: Arc<dyn KeyProvider>, second: Arc<dyn KeyProvider>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let hasher = options.start().unwrap();
        let first = Accounts::new(store.clone(), first, hasher.clone());
        let roles = [RoleName::user()].into();
        let created =
            first.create_user(None, "alice", PASSWORD.into(), roles, ClientInfo::default());
        created.await.unwrap();
        Self { first, second: Accounts::new(store, second, hasher) }
    }

    /// Logs in at the first node.
    pub(crate) async fn log_in(&self) -> SecretString {
        let request = LoginRequest {
            user_name: "alice".to_owned(),
            password: PASSWORD.into(),
            client: ClientInfo::new("192.0.2.1".parse().unwrap()),
            device_token: None,
        };
        self.first.log_in(request).await.unwrap().access_token
    }

    /// Uses a token at the second node.
    pub(crate) async fn authenticate(&self, token: &SecretString) -> Result<(), Rejection> {
        self.second.authenticator().authenticate(token.expose_secret()).await.map(drop)
    }
}

/// Rotates keys without announcing them: only the first node reads them.
///
/// `write` replaces the keys in their source, and `reload` reads them at the first node.
pub(crate) async fn accepts_tokens_of_unannounced_keys(
    nodes: &Nodes,
    write: impl AsyncFn(&str),
    reload: impl AsyncFn(),
) {
    let old = nodes.log_in().await;
    for (text, old_is_valid) in [(ROTATED.to_owned(), true), (format!("{THIRD}\n{NEW}"), false)] {
        write(&text).await;
        reload().await;
        let tokens = future::join_all((0..20).map(|_| nodes.log_in())).await;
        let uses = tokens.iter().map(|token| nodes.authenticate(token));
        for outcome in future::join_all(uses).await {
            outcome.unwrap();
        }
        assert_eq!(nodes.authenticate(&old).await.is_ok(), old_is_valid);
    }
}

/// Uses many tokens of a key that the source no longer has, and meanwhile one of a known key.
/// Returns how many seconds it took.
pub(crate) async fn flood_of_unknown_keys_does_not_delay_others(
    nodes: &Nodes,
    write: impl AsyncFn(&str),
    reload: impl AsyncFn(),
) -> u64 {
    write(NEW).await;
    reload().await;
    let unknown = nodes.log_in().await;
    write(OLD).await;
    reload().await;
    let known = nodes.log_in().await;

    let start = Instant::now();
    let flood = async {
        for _ in 0..3 {
            let uses = (0..500).map(|_| nodes.authenticate(&unknown));
            for outcome in future::join_all(uses).await {
                assert_eq!(outcome.unwrap_err().code(), "token_invalid");
            }
        }
    };
    let mut flood = std::pin::pin!(flood);
    // Requests with known keys are answered while the others wait.
    let mut answered = 0;
    while future::poll_immediate(&mut flood).await.is_none() {
        nodes.authenticate(&known).await.unwrap();
        answered += 1;
        tokio::task::yield_now().await;
    }
    assert!(answered > 10, "{answered}");
    start.elapsed().as_secs()
}
