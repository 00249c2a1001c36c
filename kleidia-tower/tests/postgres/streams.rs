//! Streams on one node end with the sessions that another node ends, also while the feed is silent
//! or cut.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_guard::stream::{StreamEnd, StreamSettings, StreamWatch};
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest, TokenSet};
use kleidia_tower::audit::{AuditQuery, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::session::SessionEvent;
use kleidia_tower::store::PostgresStore;
use secrecy::ExposeSecret as _;
use test_servers::PostgresServer;
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::numbered::audit_key;
use crate::proxy::{Mode, Proxy};

const PASSWORD: &str = "correct horse battery staple";
const LEASE: Duration = Duration::from_secs(4);
const SESSIONS: usize = 20;
const STREAMS_OF_A_SESSION: usize = 50;

/// Opens a node, and waits until it receives events of others.
async fn open(url: &str, keys: &KeyRing) -> Accounts {
    let store = PostgresStore::open(url, audit_key()).await.unwrap();
    let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let accounts = Accounts::new(Arc::new(store), Arc::new(keys.clone()), hasher.start().unwrap());
    let mut events = accounts.store().session_events().unwrap().subscribe();
    while !matches!(events.next().await, Some(SessionEvent::UpToDate { .. })) {}
    accounts.with_stream_settings(StreamSettings::default().with_lease(LEASE).unwrap())
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
async fn streams_end_with_sessions_that_another_node_ends() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let proxy = Proxy::start(&url, server.port()).await;
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let (here, there) = (open(&url, &keys).await, open(&proxy.url, &keys).await);
    let roles = [kleidia_tower::rbac::RoleName::user()].into();
    here.create_user(None, "alice", PASSWORD.into(), roles, ClientInfo::default()).await.unwrap();

    let mut sessions_ended = 0;
    for (feed, mode, bound) in [
        ("delivers", Mode::Forward, LEASE / 4),
        ("is silent", Mode::Stall, LEASE),
        ("is cut", Mode::Cut, LEASE),
    ] {
        let (mut sessions, mut streams) = (Vec::new(), JoinSet::new());
        for index in 0..SESSIONS {
            let tokens = log_in(&here).await;
            for _ in 0..STREAMS_OF_A_SESSION {
                let watch = watch(&there, &tokens).await;
                watch.open().unwrap();
                streams.spawn(async move { (index, watch.ended().await, Instant::now()) });
            }
            sessions.push(tokens);
        }
        proxy.set_feed(mode);
        let mut ended_at = Vec::new();
        for tokens in &sessions {
            here.log_out(&tokens.session, ClientInfo::default()).await.unwrap();
            ended_at.push(Instant::now());
        }
        let mut delays = Vec::new();
        for (index, end, at) in streams.join_all().await {
            assert_eq!(StreamEnd::code(&end), "session_ended");
            delays.push(at.saturating_duration_since(ended_at[index]));
        }
        delays.sort_unstable();
        let (p50, p100) = (delays[delays.len() / 2], delays[delays.len() - 1]);
        println!("{} streams, the feed {feed}: p50 {p50:?}, p100 {p100:?}", delays.len());
        assert!(p100 <= bound, "{p100:?}");
        proxy.set_feed(Mode::Forward);
        let counts = recorded_counts(&here, sessions_ended + SESSIONS).await;
        assert_eq!(counts[sessions_ended..], [STREAMS_OF_A_SESSION; SESSIONS], "the feed {feed}");
        sessions_ended += SESSIONS;
    }
}

/// Waits until there are this many records of ends, and returns how many streams each has.
async fn recorded_counts(accounts: &Accounts, expected: usize) -> Vec<usize> {
    let kind = Some(EventKind::StreamEnded);
    let query = AuditQuery { kind, limit: usize::MAX, ..AuditQuery::default() };
    let mut records = accounts.audit(&query).await.unwrap();
    while records.len() < expected {
        tokio::time::sleep(Duration::from_millis(50)).await;
        records = accounts.audit(&query).await.unwrap();
    }
    records.reverse();
    let reasons = records.iter().map(|record| record.reason.as_deref().unwrap());
    let counts = reasons.map(|reason| reason.strip_suffix(" streams: session_ended").unwrap());
    counts.map(|count| count.parse().unwrap()).collect()
}
