//! Users with a session each.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::MemoryStore;
use secrecy::ExposeSecret as _;
use tower::{Layer as _, Service};

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

/// Calls a service that never waits.
fn call<S, B>(service: &mut S, request: Request<()>) -> Response<B>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready(), "always ready");
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) if response.status().is_success() => response,
        _ => panic!("rejected or pending"),
    }
}
