//! The records of streams that end with sessions which another node ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_guard::stream::StreamWatch;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest, TokenSet};
use kleidia_tower::audit::{AuditQuery, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::SessionEvent;
use kleidia_tower::store::PostgresStore;
use kleidia_tower::{ClientInfo, SessionId};
use secrecy::ExposeSecret as _;
use test_servers::PostgresServer;
use tokio::time::{sleep, timeout};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::numbered::audit_key;

const PASSWORD: &str = "correct horse battery staple";
/// How many streams each session has.
const STREAMS: [usize; 4] = [2, 3, 10, 50];
/// Far longer than the records take.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens a node, and waits until it receives events of others.
async fn open(url: &str, keys: &KeyRing) -> Accounts {
    let store = PostgresStore::open(url, audit_key()).await.unwrap();
    let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let accounts = Accounts::new(Arc::new(store), Arc::new(keys.clone()), hasher.start().unwrap());
    let mut events = accounts.store().session_events().unwrap().subscribe();
    while !matches!(events.next().await, Some(SessionEvent::UpToDate { .. })) {}
    accounts
}

async fn log_in(accounts: &Accounts) -> TokenSet {
    let request = LoginRequest {
        user_name: "alice".to_owned(),
        password: PASSWORD.into(),
        client: ClientInfo::new("192.0.2.1".parse().unwrap()),
        device_token: None,
    };
    accounts.log_in(request).await.unwrap()
}

/// Sends a request, and returns the watch of its caller.
async fn watch(accounts: &Accounts, tokens: &TokenSet) -> StreamWatch {
    let service = accounts.session_layer().layer(service_fn(async |request: Request<()>| {
        let mut response = Response::new(String::new());
        *response.extensions_mut() = request.into_parts().0.extensions;
        Ok::<_, Infallible>(response)
    }));
    let token = format!("Bearer {}", tokens.access_token.expose_secret());
    let request = Request::builder().header(AUTHORIZATION, token).body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    response.extensions().get::<StreamWatch>().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_streams_are_one_record_of_their_session() {
    let url = PostgresServer::shared().create_database();
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let (here, there) = (open(&url, &keys).await, open(&url, &keys).await);
    let roles = [RoleName::user()].into();
    here.create_user(None, "alice", PASSWORD.into(), roles, ClientInfo::default()).await.unwrap();
    let (mut sessions, mut streams) = (Vec::new(), Vec::new());
    for count in STREAMS {
        let tokens = log_in(&here).await;
        for _ in 0..count {
            let watch = watch(&there, &tokens).await;
            watch.open().unwrap();
            streams.push(watch);
        }
        sessions.push((tokens.session, count));
    }
    let mut expected: Vec<_> = sessions
        .iter()
        .map(|(view, count)| (view.session.id, format!("{count} streams: session_ended")))
        .collect();
    for (view, _) in &sessions {
        here.log_out(view, ClientInfo::default()).await.unwrap();
    }
    for watch in streams {
        let end = timeout(TEST_TIMEOUT, watch.ended()).await.expect("an end");
        assert_eq!(end.code(), "session_ended");
    }
    let mut records = timeout(TEST_TIMEOUT, records(&there)).await.expect("the records");
    records.sort_unstable();
    expected.sort_unstable();
    assert_eq!(records, expected);
}

/// Waits until there is a record for each session, and returns the sessions and reasons of all.
async fn records(accounts: &Accounts) -> Vec<(SessionId, String)> {
    let kind = Some(EventKind::StreamEnded);
    let query = AuditQuery { kind, limit: usize::MAX, ..AuditQuery::default() };
    loop {
        let records = accounts.audit(&query).await.unwrap();
        if records.len() >= STREAMS.len() {
            let records = records.into_iter();
            return records.map(|it| (it.session.unwrap(), it.reason.unwrap())).collect();
        }
        sleep(Duration::from_millis(50)).await;
    }
}
