//! Limits by who is calling, as the layer of sessions proves it.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use kleidia_tower::Origin;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LogIn};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rate_limit::{Key, PeerAddress, RateLimitLayer};
use kleidia_tower::session::{CredentialPolicy, JwtSessionLayer};
use kleidia_tower::store::MemoryStore;
use secrecy::ExposeSecret as _;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::world::Hand;

const PASSWORD: &str = "correct horse battery staple";

async fn accounts() -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let options = options.with_permits(1).unwrap().with_queue_limit(10);
    let hasher = options.start().unwrap();
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
    for name in ["alice", "bob"] {
        let created =
            accounts.create_user(None, name, PASSWORD.into(), [].into(), Origin::default());
        created.await.unwrap();
    }
    accounts
}

/// A new access token, of a new session.
async fn log_in(accounts: &Accounts, name: &str) -> String {
    let (user_name, password, origin) = (name.to_owned(), PASSWORD.into(), Origin::default());
    let logged_in = accounts.log_in(LogIn { user_name, password, origin }).await.unwrap();
    logged_in.access_token.expose_secret().to_owned()
}

fn request(address: &str, token: Option<&str>) -> Request<()> {
    let peer = PeerAddress((address.parse::<std::net::IpAddr>().unwrap(), 4711).into());
    let mut request = Request::builder().extension(peer);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(()).unwrap()
}

#[tokio::test]
async fn people_count_wherever_they_are_and_strangers_where_they_are() {
    let accounts = accounts().await;
    let sessions = JwtSessionLayer::new(accounts.authenticator());
    let service = ServiceBuilder::new()
        .layer(sessions.with_policy(CredentialPolicy::AllowMissing))
        .layer(RateLimitLayer::new().limit(Key::principal(), Hand::default().limiter("2/60")))
        .service(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
    let (first, second) = (log_in(&accounts, "alice").await, log_in(&accounts, "alice").await);
    let bob = log_in(&accounts, "bob").await;
    let (passed, refused) = (StatusCode::OK, StatusCode::TOO_MANY_REQUESTS);
    for (address, token, expected) in [
        // Another session and another address are the same person.
        ("192.0.2.1", Some(&first), passed),
        ("192.0.2.2", Some(&second), passed),
        ("192.0.2.3", Some(&first), refused),
        ("192.0.2.1", Some(&second), refused),
        // The same address is not.
        ("192.0.2.1", Some(&bob), passed),
        ("192.0.2.1", Some(&bob), passed),
        ("192.0.2.2", Some(&bob), refused),
        // Nobody pays for strangers, nor they for anybody.
        ("192.0.2.1", None, passed),
        ("192.0.2.1", None, passed),
        ("192.0.2.1", None, refused),
        ("192.0.2.2", None, passed),
    ] {
        let request = request(address, token.map(String::as_str));
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{address}");
    }
}
