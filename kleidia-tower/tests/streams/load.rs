//! 1,000 streams of each kind on one node, whose sessions another node ends: while the feed
//! delivers, while it is silent, and while it is cut.
//!
//! `KLEIDIA_STREAMS` sets the number of streams of each kind.

use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_guard::serve::Server;
use http_guard::stream::StreamSettings;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::TokenSet;
use kleidia_tower::session::SessionCachingStore;
use test_servers::PostgresServer;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::PROCESSORS;
use crate::client::{Client, End, KINDS, Kind, Received};
use crate::node::{Node, accounts, bearer, open_store};
use crate::proxy::{Mode, Proxy};
use crate::sockets::{connections, wait_until};

const STREAMS: usize = 1000;
/// The streams of each kind that a session has.
const STREAMS_OF_A_SESSION: usize = 20;
/// The sessions of a user, who may have 1,000 streams.
const SESSIONS_OF_A_USER: usize = 16;
/// How often each stream has a message.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long all streams are open before the first session ends.
const LOAD: Duration = Duration::from_secs(2);

/// What happens to the feed, and how late a stream may end.
const MODES: [(&str, Mode, Duration); 3] = [
    // Much earlier than the next checks of most streams.
    ("delivers", Mode::Forward, Duration::from_secs(2)),
    ("is silent", Mode::Stall, WITHOUT_FEED),
    ("is cut", Mode::Cut, WITHOUT_FEED),
];

/// The lease and the maximum staleness of the cache.
const WITHOUT_FEED: Duration =
    StreamSettings::DEFAULT_LEASE.saturating_add(SessionCachingStore::DEFAULT_MAX_STALENESS);

/// A session with its open streams.
struct Session {
    tokens: TokenSet,
    streams: Vec<(Kind, JoinHandle<Received>)>,
}

/// When a stream ended, and when its last message was produced, after the logout was answered.
struct Delay {
    kind: Kind,
    end: Duration,
    last_message: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_sessions_that_another_node_ends() {
    let _processors = PROCESSORS.write().await;
    let count = env::var("KLEIDIA_STREAMS");
    let count = count.map_or(STREAMS, |count| count.parse().expect("a number of streams"));
    // Each WebSocket has a descriptor on either side.
    rlimit::increase_nofile_limit(4 * count as u64 + 1024).unwrap();
    let url = PostgresServer::shared().create_database();
    let proxy = Proxy::start(&url, PostgresServer::shared().port()).await;
    // The pools of the nodes open connections as needed, each with a task, and so does the proxy.
    let databases = [&url, &proxy.url].map(|url| address_of(url));
    let other_tasks =
        || alive_tasks() - databases.map(|it| connections(it).0).iter().sum::<usize>();
    let tasks_before = alive_tasks();

    let (here, there) = nodes(&url, &proxy.url, count).await;
    let sessions = count.div_ceil(STREAMS_OF_A_SESSION);
    for user in 0..sessions.div_ceil(SESSIONS_OF_A_USER) {
        here.create_user(&user_name(user)).await;
    }
    // Nodes start some tasks and connections at their first use.
    drop(end_all(&here, open_sessions(&here, &there, 2).await).await);
    let tasks = settled(other_tasks).await;
    let sessions = open_sessions(&here, &there, sessions).await;
    sleep(LOAD).await;
    let mut groups = [const { Vec::new() }; MODES.len()];
    for (index, session) in sessions.into_iter().enumerate() {
        groups[index % MODES.len()].push(session);
    }
    for ((feed, mode, bound), sessions) in MODES.into_iter().zip(groups) {
        proxy.set_feed(mode);
        let delays = end_all(&here, sessions).await;
        proxy.set_feed(Mode::Forward);
        report(feed, bound, &delays);
    }

    wait_until("no connection is open", || connections(there.address) == (0, 0)).await;
    wait_until("no task is left", || other_tasks() <= tasks).await;
    let (streams, summary) = there.stop().await;
    assert_eq!(streams, 0);
    assert!(summary.is_clean(), "{summary:?}");
    here.stop().await;
    // A stream that is still registered keeps the tasks of its registry.
    wait_until("no task of the nodes is left", || alive_tasks() <= tasks_before).await;
}

/// Starts a node that ends sessions, and one behind the proxy that serves their streams.
async fn nodes(url: &str, proxied_url: &str, count: usize) -> (Node, Node) {
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let here = accounts(open_store(url).await, &keys);
    let there = SessionCachingStore::new(open_store(proxied_url).await);
    let there = accounts(Arc::new(there), &keys);
    let connections = u32::try_from(2 * count + 1024).unwrap();
    let server = Server::new().with_max_connections(connections).unwrap();
    let server = server.with_max_connections_per_address(connections).unwrap();
    let here = Node::start(here, Server::new(), INTERVAL).await;
    (here, Node::start(there, server, INTERVAL).await)
}

/// Opens sessions on one node, with streams on the other.
async fn open_sessions(here: &Node, there: &Node, count: usize) -> Vec<Session> {
    let (mut openings, started) = (JoinSet::new(), Instant::now());
    for index in 0..count {
        let tokens = here.log_in(&user_name(index / SESSIONS_OF_A_USER)).await;
        let client = Client::connect(there.address, &bearer(&tokens)).await;
        openings.spawn(open_streams(client, tokens));
    }
    let sessions = openings.join_all().await;
    let streams: usize = sessions.iter().map(|session| session.streams.len()).sum();
    println!("opened {streams} streams of {count} sessions in {:?}", started.elapsed());
    sessions
}

async fn open_streams(mut client: Client, tokens: TokenSet) -> Session {
    let mut streams = Vec::new();
    for _ in 0..STREAMS_OF_A_SESSION {
        for kind in KINDS {
            let mut stream = client.subscribe(kind).await.unwrap();
            let first = stream.message().await;
            streams.push((kind, tokio::spawn(stream.read_to_end(first))));
        }
    }
    Session { tokens, streams }
}

/// Ends sessions, and waits for the ends of their streams.
async fn end_all(here: &Node, sessions: Vec<Session>) -> Vec<Delay> {
    let (mut delays, mut ended) = (Vec::new(), Vec::new());
    for session in &sessions {
        ended.push(here.log_out(&session.tokens).await);
    }
    for (session, (started, answered)) in sessions.into_iter().zip(ended) {
        for (kind, stream) in session.streams {
            let received = stream.await.unwrap();
            assert_eq!(received.end, expected_end(kind));
            assert!(received.ended >= started, "ended before its session");
            delays.push(Delay {
                kind,
                end: received.ended.saturating_duration_since(answered),
                last_message: received.last_produced.saturating_duration_since(answered),
            });
        }
    }
    delays
}

fn user_name(number: usize) -> String {
    format!("user-{number}")
}

fn expected_end(kind: Kind) -> End {
    let status = match kind {
        Kind::Events => 0,
        Kind::Grpc => 16,
        Kind::WebSocket => 4403,
    };
    End { code: "session_ended".to_owned(), status }
}

/// Prints the delays of each kind, and checks the bound.
fn report(feed: &str, bound: Duration, delays: &[Delay]) {
    for kind in KINDS {
        let of_kind = || delays.iter().filter(|delay| delay.kind == kind);
        let mut ends: Vec<_> = of_kind().map(|delay| delay.end).collect();
        ends.sort_unstable();
        let (p50, p100) = (ends[ends.len() / 2], ends[ends.len() - 1]);
        let last_message = of_kind().map(|delay| delay.last_message).max().unwrap();
        println!(
            "the feed {feed}: {} streams of {kind:?} ended after {p50:?} (p50), {p100:?} (p100); \
             last message produced after {last_message:?}",
            ends.len(),
        );
        assert!(p100 <= bound && last_message <= bound, "{bound:?}");
    }
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Returns a number of tasks once it no longer changes.
async fn settled(tasks: impl Fn() -> usize) -> usize {
    let mut last = tasks();
    loop {
        sleep(Duration::from_secs(1)).await;
        let before = std::mem::replace(&mut last, tasks());
        if last == before {
            return last;
        }
    }
}

/// Returns the address in the URL of a database.
fn address_of(url: &str) -> SocketAddr {
    let (_, server) = url.split_once('@').unwrap();
    server.split('/').next().unwrap().parse().unwrap()
}
