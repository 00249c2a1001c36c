//! 1,000 streams of each kind on one node, which changes on another node end: while the feed delivers,
//! while it is silent, and while it is cut.
//!
//! `KLEIDIA_STREAMS` sets the number of streams of each kind.

use std::env;
use std::net::SocketAddr;
use std::ops::Range;
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
use crate::client::{Client, KINDS, Kind, Received};
use crate::endings::{ENDINGS, Ending};
use crate::feed::Feed;
use crate::node::{Node, accounts, bearer, open_store};
use crate::proxy::{Mode, Proxy};
use crate::sockets::{connections, wait_until};

const STREAMS: usize = 1000;
/// The streams of each kind that a session has.
const STREAMS_OF_A_SESSION: usize = 20;
const SESSIONS_OF_A_USER: usize = 5;
const STREAMS_OF_A_USER: usize = SESSIONS_OF_A_USER * STREAMS_OF_A_SESSION;
/// Each change is made in each mode of the feed.
const MIN_USERS: usize = MODES.len() * ENDINGS.len();
/// How often each stream has a message.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long all streams are open before the first ends.
const LOAD: Duration = Duration::from_secs(2);
/// Half of those that a stream has then.
const MIN_MESSAGES: usize = 4;
/// The streams with a late message are at most one in this many.
const STREAMS_OF_A_LATE_MESSAGE: usize = 100;

/// What happens to the feed, and how late a stream may end.
const MODES: [(&str, Mode, Duration); 3] = [
    // Earlier than a node notices that it has lost the feed.
    ("delivers", Mode::Forward, Duration::from_secs(2)),
    ("is silent", Mode::Stall, WITHOUT_FEED),
    ("is cut", Mode::Cut, WITHOUT_FEED),
];

/// The lease and the maximum staleness of the cache.
const WITHOUT_FEED: Duration =
    StreamSettings::DEFAULT_LEASE.saturating_add(SessionCachingStore::DEFAULT_MAX_STALENESS);

/// The sessions of a user, and what ends their streams.
struct User {
    ending: Ending,
    sessions: Vec<Session>,
}

/// A session with its open streams.
struct Session {
    tokens: TokenSet,
    streams: Vec<(Kind, JoinHandle<Received>)>,
}

/// How long after the answer to the change a stream ended.
struct Delay {
    kind: Kind,
    end: Duration,
    /// Whether a message was produced after the end on the server.
    is_late: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_another_node_changes_what_permits_them() {
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
    let (admin, mut feed) = (here.log_in_as_admin().await, Feed::new(proxy, &there));
    let users = count.div_ceil(STREAMS_OF_A_USER).max(MIN_USERS);
    // Nodes start some tasks and connections at their first use.
    let first = open_users(&here, &there, 0..ENDINGS.len()).await;
    sleep(LOAD).await;
    drop(end_all(&here, &admin, first).await);
    let tasks = settled(other_tasks).await;
    let users = open_users(&here, &there, ENDINGS.len()..ENDINGS.len() + users).await;
    sleep(LOAD).await;
    let mut groups = [const { Vec::new() }; MODES.len()];
    for (index, user) in users.into_iter().enumerate() {
        groups[index / ENDINGS.len() % MODES.len()].push(user);
    }
    for ((name, mode, bound), users) in MODES.into_iter().zip(groups) {
        let count = users.len();
        feed.set_mode(mode);
        let delays = end_all(&here, &admin, users).await;
        report(name, bound, &delays);
        let ends: Vec<_> = delays.iter().map(|delay| delay.end).collect();
        feed.assert_effect(mode, count, &ends);
        feed.recover().await;
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
async fn open_users(here: &Node, there: &Node, numbers: Range<usize>) -> Vec<User> {
    let (mut openings, started) = (Vec::new(), Instant::now());
    for number in numbers {
        let (name, mut sessions) = (format!("user-{number}"), JoinSet::new());
        here.create_user(&name).await;
        for _ in 0..SESSIONS_OF_A_USER {
            let tokens = here.log_in(&name).await;
            let client = Client::connect(there.address, &bearer(&tokens)).await;
            sessions.spawn(open_streams(client, tokens));
        }
        openings.push((ENDINGS[number % ENDINGS.len()], sessions));
    }
    let mut users = Vec::new();
    for (ending, sessions) in openings {
        users.push(User { ending, sessions: sessions.join_all().await });
    }
    let (count, elapsed) = (users.len(), started.elapsed());
    println!(
        "opened {} streams of {count} users in {elapsed:?}",
        count * KINDS.len() * STREAMS_OF_A_USER
    );
    users
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

/// Makes the changes, and waits for the ends of all streams.
async fn end_all(here: &Node, admin: &TokenSet, users: Vec<User>) -> Vec<Delay> {
    let (mut delays, mut changes) = (Vec::new(), Vec::new());
    for User { ending, sessions } in &users {
        let tokens: Vec<_> = sessions.iter().map(|session| &session.tokens).collect();
        changes.push(ending.carry_out(here, admin, &tokens).await);
    }
    for (User { ending, sessions }, times) in users.into_iter().zip(changes) {
        for (session, (started, answered)) in sessions.into_iter().zip(times) {
            for (kind, stream) in session.streams {
                let received = stream.await.unwrap();
                assert_eq!(received.end, ending.of(kind));
                assert!(received.ended >= started, "ended before the change");
                check_messages(kind, &received);
                let end = received.ended.saturating_duration_since(answered);
                delays.push(Delay { kind, end, is_late: received.late > 0 });
            }
        }
    }
    delays
}

fn check_messages(kind: Kind, received: &Received) {
    assert!(received.messages >= MIN_MESSAGES, "{received:?}");
    // A body looks at the end before it polls the handler, and a poll that has begun may deliver what
    // it produces. A WebSocket looks at the end again when it sends.
    let max_late = usize::from(kind != Kind::WebSocket);
    assert!(received.late <= max_late, "{received:?}");
}

/// Prints the delays of each kind, and checks the bound.
fn report(feed: &str, bound: Duration, delays: &[Delay]) {
    for kind in KINDS {
        let of_kind = || delays.iter().filter(|delay| delay.kind == kind);
        let mut ends: Vec<_> = of_kind().map(|delay| delay.end).collect();
        ends.sort_unstable();
        let (p50, p100) = (ends[ends.len() / 2], ends[ends.len() - 1]);
        println!(
            "the feed {feed}: {} streams of {kind:?} ended after {p50:?} (p50), {p100:?} (p100)",
            ends.len(),
        );
        assert!(p100 <= bound, "{bound:?}");
    }
    // The end of a stream seldom meets a poll that has begun.
    let late = delays.iter().filter(|delay| delay.is_late).count();
    println!("the feed {feed}: {late} streams have a late message");
    assert!(late <= delays.len() / STREAMS_OF_A_LATE_MESSAGE);
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
