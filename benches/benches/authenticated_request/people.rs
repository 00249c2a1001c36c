//! The server with `JwtSessionLayer`, and users who are logged in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::Store;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

/// The number of users.
const USERS: usize = 1000;
const PASSWORD: &str = "correct horse battery staple";

/// Starts the server, and returns its address and the access token of a user.
pub(crate) async fn serve(store: Arc<dyn Store>) -> (SocketAddr, String) {
    let accounts = accounts(store);
    let mut token = String::new();
    for number in 1..=USERS {
        token = log_in(&accounts, &format!("user-{number}")).await;
    }
    let layer = accounts.session_layer();
    let routes = Router::new().route("/", get(|| async { "hello" })).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, token)
}

fn accounts(store: Arc<dyn Store>) -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let hasher = options.start().expect("a hasher");
    let key = SigningKey::new("2026-11", vec![7; 32]).expect("a secret that is long enough");
    Accounts::new(store, Arc::new(KeyRing::new([key]).expect("a key")), hasher)
}

async fn log_in(accounts: &Accounts, name: &str) -> String {
    let client = ClientInfo::new(Ipv4Addr::LOCALHOST.into());
    let created = accounts.create_user(None, name, PASSWORD.into(), [].into(), client.clone());
    created.await.expect("an account");
    let user_name = name.to_owned();
    let log_in = LoginRequest { user_name, password: PASSWORD.into(), client, device_token: None };
    let logged_in = accounts.log_in(log_in).await.expect("a session");
    logged_in.access_token.expose_secret().to_owned()
}
