//! `axum-login` over the store in memory of `tower-sessions`: a cookie, a session, a user.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, RwLock};

use axum_login::{AuthManagerLayer, AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend};
use benches::Echo;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::people::NAME;

/// The layer, and the cookie of a user who is logged in.
pub(crate) struct Peer {
    layer: AuthManagerLayer<Users, MemoryStore>,
    cookie: HeaderValue,
}

/// The users, by their numbers.
#[derive(Clone)]
struct Users(Arc<RwLock<HashMap<i64, User>>>);

#[derive(Clone, Debug)]
struct User {
    id: i64,
    name: Arc<str>,
}

impl Peer {
    pub(crate) async fn new() -> Self {
        let user = User { id: 1, name: NAME.into() };
        let users = Users(Arc::new(RwLock::new(HashMap::from([(1, user.clone())]))));
        let sessions = SessionManagerLayer::new(MemoryStore::default());
        let layer = AuthManagerLayerBuilder::new(users, sessions).build();
        let log_in = service_fn(move |request: Request<()>| {
            let user = user.clone();
            async move {
                let mut session: AuthSession<Users> =
                    request.extensions().get().cloned().expect("the layer's session");
                session.login(&user).await.expect("a session");
                Ok::<_, Infallible>(Response::new(Request::new(())))
            }
        });
        let response = layer.layer(log_in).oneshot(Request::new(())).await.expect("infallible");
        let cookie = response.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("text");
        let cookie = cookie.split(';').next().expect("a pair").parse().expect("a value");
        Self { layer, cookie }
    }

    pub(crate) fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        request.headers_mut().insert(COOKIE, self.cookie.clone());
        request
    }

    /// Returns the layer around a service that returns requests, and requires a user.
    pub(crate) fn service(
        &self,
    ) -> impl Service<Request<()>, Response = Response<Request<()>>, Error = Infallible> + use<>
    {
        let check_user = |request: Request<()>| {
            let session = request.extensions().get::<AuthSession<Users>>();
            let user = session.and_then(|session| session.user.as_ref());
            assert!(user.is_some_and(|user| &*user.name == NAME));
            request
        };
        self.layer.layer(Echo.map_request(check_user))
    }
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ"
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Infallible> {
        Ok(None)
    }

    async fn get_user(&self, id: &i64) -> Result<Option<User>, Infallible> {
        Ok(self.0.read().expect("no panic").get(id).cloned())
    }
}
