//! Accounts with users who are logged in.

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::Request;
use http::header::AUTHORIZATION;
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::{SessionCachingStore, SessionView};
use kleidia_tower::store::{MemoryStore, Store};
use secrecy::ExposeSecret as _;

pub(crate) const SECRET: &[u8] = b"a secret of thirty-two octets...";
pub(crate) const NAME: &str = "alice.liddell";
const PASSWORD: &str = "correct horse battery staple";
/// The number of other users who are logged in.
const OTHERS: usize = 1000;

/// Accounts, and the session of an administrator.
pub(crate) struct People {
    pub(crate) accounts: Accounts,
    pub(crate) session: SessionView,
    pub(crate) token: String,
}

impl People {
    pub(crate) async fn new() -> Self {
        let accounts = accounts(Arc::new(MemoryStore::default()));
        let alice = log_in(&accounts, NAME).await;
        for number in 0..OTHERS {
            log_in(&accounts, &format!("user-{number}")).await;
        }
        let (session, token) = alice;
        Self { accounts, session, token }
    }

    /// Returns the same accounts with cached sessions.
    pub(crate) fn cached(&self) -> Accounts {
        let store: Arc<dyn Store> = Arc::clone(self.accounts.store());
        accounts(Arc::new(SessionCachingStore::new(store)))
    }

    pub(crate) fn request(&self) -> Request<()> {
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {}", self.token));
        request.body(()).expect("a header's value")
    }
}

fn accounts(store: Arc<dyn Store>) -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let options =
        options.with_permits(1).expect("permits").with_queue_limit(1).expect("a queue limit");
    let hasher = options.start().expect("a hasher");
    let key = SigningKey::new("2026-11", SECRET.to_vec()).expect("a secret that is long enough");
    Accounts::new(store, Arc::new(KeyRing::new([key]).expect("a key")), hasher)
}

async fn log_in(accounts: &Accounts, name: &str) -> (SessionView, String) {
    let roles = [RoleName::admin()].into();
    let created = accounts.create_user(None, name, PASSWORD.into(), roles, ClientInfo::default());
    created.await.expect("an account");
    let log_in = LoginRequest {
        user_name: name.to_owned(),
        password: PASSWORD.into(),
        client: ClientInfo::new(Ipv4Addr::LOCALHOST.into()),
        device_token: None,
    };
    let logged_in = accounts.log_in(log_in).await.expect("a session");
    (logged_in.session, logged_in.access_token.expose_secret().to_owned())
}
