//! Users with a session each.

use std::net::Ipv4Addr;
use std::sync::Arc;

use benches::call;
use http::Request;
use http::header::AUTHORIZATION;
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::MemoryStore;
use secrecy::ExposeSecret as _;
use tower::Layer as _;

use crate::bodies::Streams;

const PASSWORD: &str = "correct horse battery staple";

/// Accounts, and the `Authorization` of a session of each.
pub(crate) struct Users {
    accounts: Accounts,
    pub(crate) authorizations: Vec<String>,
}

impl Users {
    pub(crate) async fn new(count: usize) -> Self {
        let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let hasher = hasher.start().expect("a hasher");
        let keys = KeyRing::new([SigningKey::generate().expect("a key")]).expect("keys");
        let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
        let mut authorizations = Vec::with_capacity(count);
        for number in 0..count {
            authorizations.push(log_in(&accounts, &format!("user-{number}")).await);
        }
        Self { accounts, authorizations }
    }

    /// Opens a stream of a user through the layer, and returns its body.
    pub(crate) fn open(
        &self,
        user: usize,
        streams: Streams,
    ) -> impl http_body::Body<Data = bytes::Bytes> + Unpin + use<> {
        let authorization = self.authorizations.get(user).expect("a user");
        let request = Request::builder().header(AUTHORIZATION, authorization);
        let mut service = self.accounts.session_layer().layer(streams);
        call(&mut service, request.body(()).expect("a request")).into_body()
    }
}

async fn log_in(accounts: &Accounts, name: &str) -> String {
    let client = ClientInfo::new(Ipv4Addr::LOCALHOST.into());
    let created = accounts.create_user(None, name, PASSWORD.into(), [].into(), client.clone());
    created.await.expect("an account");
    let request = LoginRequest {
        user_name: name.to_owned(),
        password: PASSWORD.into(),
        client,
        device_token: None,
    };
    let tokens = accounts.log_in(request).await.expect("a session");
    format!("Bearer {}", tokens.access_token.expose_secret())
}
