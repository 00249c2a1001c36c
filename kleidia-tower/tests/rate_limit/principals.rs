//! Limits by principal, as `JwtSessionLayer` authenticates it.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rate_limit::{Key, PeerAddress, RateLimitLayer};
use kleidia_tower::session::{CredentialPolicy, JwtSessionLayer};
use kleidia_tower::store::MemoryStore;
use secrecy::ExposeSecret as _;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::fixture::ManualClock;

const PASSWORD: &str = "correct horse battery staple";

async fn accounts() -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let options = options.with_permits(1).unwrap().with_queue_limit(10).unwrap();
    let hasher = options.start().unwrap();
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
    for name in ["alice", "bob"] {
        let created =
            accounts.create_user(None, name, PASSWORD.into(), [].into(), ClientInfo::default());
        created.await.unwrap();
    }
    accounts
}

/// Returns the access token of a new session.
async fn log_in(accounts: &Accounts, name: &str) -> String {
    let (user_name, password) = (name.to_owned(), PASSWORD.into());
    let client = ClientInfo::new("192.0.2.1".parse().unwrap());
    let logged_in = accounts
        .log_in(LoginRequest { user_name, password, client, device_token: None })
        .await
        .unwrap();
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
async fn limits_users_by_id_and_others_by_address() {
    let accounts = accounts().await;
    let sessions = JwtSessionLayer::new(accounts.authenticator());
    let service = ServiceBuilder::new()
        .layer(sessions.with_policy(CredentialPolicy::AllowMissing))
        .layer(
            RateLimitLayer::new()
                .with_limit(Key::principal(), ManualClock::default().limiter("2/60")),
        )
        .service(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
    let (first, second) = (log_in(&accounts, "alice").await, log_in(&accounts, "alice").await);
    let bob = log_in(&accounts, "bob").await;
    let (allowed, rejected) = (StatusCode::OK, StatusCode::TOO_MANY_REQUESTS);
    for (address, token, expected) in [
        // Other sessions and addresses of the same user share the budget.
        ("192.0.2.1", Some(&first), allowed),
        ("192.0.2.2", Some(&second), allowed),
        ("192.0.2.3", Some(&first), rejected),
        ("192.0.2.1", Some(&second), rejected),
        // Another user at the same address does not.
        ("192.0.2.1", Some(&bob), allowed),
        ("192.0.2.1", Some(&bob), allowed),
        ("192.0.2.2", Some(&bob), rejected),
        // Requests without a principal have the budget of their address.
        ("192.0.2.1", None, allowed),
        ("192.0.2.1", None, allowed),
        ("192.0.2.1", None, rejected),
        ("192.0.2.2", None, allowed),
    ] {
        let request = request(address, token.map(String::as_str));
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{address}");
    }
}
