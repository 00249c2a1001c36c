//! The paths of `JwtSessionLayer` and `RbacLayer`, and what they cannot do without.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::{Arc, RwLock};

use benches::{Echo, call};
use http::header::AUTHORIZATION;
use http::{Request, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use kleidia_tower::access_token::{Claims, KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::{AccessContext, Policy, RbacLayer, Requirement, RoleName};
use kleidia_tower::session::{JwtSessionLayer, SessionView};
use kleidia_tower::store::MemoryStore;
use kleidia_tower::{ClientInfo, Principal, SessionId};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer as _, Service};

use crate::Operation;

const SECRET: &[u8] = b"a secret of thirty-two octets...";
const NAME: &str = "alice.liddell";
const PASSWORD: &str = "correct horse battery staple";

/// Accounts, and the session of an administrator.
struct People {
    /// The layers need a runtime, but these paths start no task.
    runtime: Runtime,
    accounts: Accounts,
    session: SessionView,
    token: String,
}

/// The claims of an access token, which are decoded only to verify them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "decoding each member is a part of the counted work")]
struct AccessClaims {
    user_id: i64,
    username: String,
    is_admin: bool,
    session_id: i64,
    exp: i64,
    iat: i64,
    iss: String,
    sub: String,
    jti: String,
}

/// A request with an access token whose session is in a memory store.
pub(crate) fn session(times: usize) -> Operation {
    let people = People::new();
    let service = JwtSessionLayer::new(people.accounts.authenticator()).layer(Echo);
    let requests: Vec<_> = (0..times).map(|_| people.request()).collect();
    let mut call = call_each(service, requests);
    Box::new(move || {
        let _guard = people.runtime.enter();
        call();
    })
}

/// The verification of an access token by jsonwebtoken, and a lookup of the session.
pub(crate) fn token_and_lookup(times: usize) -> Operation {
    let people = People::new();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[Claims::ISSUER]);
    let key = DecodingKey::from_secret(SECRET).expect("a secret");
    let session = people.session.clone();
    let sessions = RwLock::new(HashMap::from([(session.session.id, session)]));
    let mut requests: Vec<_> = (0..times).map(|_| people.request()).collect();
    Box::new(move || {
        // A request with `JwtSessionLayer` is in a runtime, and is dropped as well.
        let _guard = people.runtime.enter();
        drop(black_box(requests.pop()));
        let decoded = decode::<AccessClaims>(black_box(&people.token), &key, &validation);
        let session = SessionId::new(decoded.expect("a token").claims.session_id);
        let sessions = sessions.read().expect("no panic");
        assert!(black_box(sessions.get(&session).cloned()).is_some());
    })
}

pub(crate) fn permission(times: usize) -> Operation {
    rbac(read_users(), times)
}

/// A path that is allowed by a permission, or to its owner.
pub(crate) fn owner(times: usize) -> Operation {
    rbac(Requirement::any_of([Requirement::owner(), read_users()]), times)
}

fn rbac(requirement: Requirement, times: usize) -> Operation {
    let people = People::new();
    let layer = RbacLayer::new(Policy::default(), requirement, people.accounts.audit_trail());
    let layer = layer.with_owner_parameter("/api/users/{id}").expect("a path");
    call_each(layer.layer(Echo), people.authenticated_requests(times))
}

pub(crate) fn no_requirement(times: usize) -> Operation {
    call_each(Echo, People::new().authenticated_requests(times))
}

/// Sends one of the requests at each operation, and drops the response.
fn call_each<S, B>(mut service: S, mut requests: Vec<Request<()>>) -> Operation
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + 'static,
{
    Box::new(move || {
        let request = requests.pop().expect("one for each operation");
        drop(black_box(call(&mut service, request)));
    })
}

pub(crate) fn decision(_: usize) -> Operation {
    let (principal, policy) = (People::new().principal(), Policy::default());
    let (requirement, context) = (read_users(), AccessContext { is_owner: false, now: None });
    Box::new(move || {
        assert!(policy.decide(black_box(&principal), &requirement, &context).is_ok());
    })
}

fn read_users() -> Requirement {
    Requirement::permission("users:read".parse().expect("a permission"))
}

impl People {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let (accounts, session, token) = runtime.block_on(async {
            let accounts = accounts();
            let roles = [RoleName::admin()].into();
            let client = ClientInfo::new(Ipv4Addr::LOCALHOST.into());
            let created = accounts.create_user(None, NAME, PASSWORD.into(), roles, client.clone());
            created.await.expect("an account");
            let user_name = NAME.to_owned();
            let password = PASSWORD.into();
            let request = LoginRequest { user_name, password, client, device_token: None };
            let tokens = accounts.log_in(request).await.expect("a session");
            (accounts, tokens.session, tokens.access_token.expose_secret().to_owned())
        });
        Self { runtime, accounts, session, token }
    }

    fn request(&self) -> Request<()> {
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {}", self.token));
        request.body(()).expect("a header's value")
    }

    /// Returns the principal that `JwtSessionLayer` makes.
    fn principal(&self) -> Principal {
        let _guard = self.runtime.enter();
        let mut service = JwtSessionLayer::new(self.accounts.authenticator()).layer(Echo);
        let response = call(&mut service, self.request());
        let http_body_util::Either::Left(request) = response.into_body() else {
            panic!("rejected")
        };
        let request = request.into_inner().expect("a body");
        request.extensions().get::<Principal>().cloned().expect("a principal")
    }

    /// Returns requests to a path of another user.
    fn authenticated_requests(&self, times: usize) -> Vec<Request<()>> {
        let uri = format!("/api/users/{}", self.session.account.id.get() + 1);
        let principal = self.principal();
        let request = || Request::builder().uri(&uri).extension(principal.clone()).body(());
        (0..times).map(|_| request().expect("a request")).collect()
    }
}

fn accounts() -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let options = options.with_permits(1).expect("permits");
    let hasher = options.start().expect("a hasher");
    let key = SigningKey::new("2026-12", SECRET.to_vec()).expect("a secret that is long enough");
    let keys = Arc::new(KeyRing::new([key]).expect("a key"));
    Accounts::new(Arc::new(MemoryStore::default()), keys, hasher)
}
