//! The clock of sessions jumps: it decides whether a session has expired, and not how long a lease
//! is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use http_guard::serve::Server;
use http_guard::stream::StreamSettings;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::TokenSet;
use kleidia_tower::clock_fn;
use kleidia_tower::store::MemoryStore;

use crate::PROCESSORS;
use crate::client::{Client, KINDS, Subscription};
use crate::node::{Node, accounts, bearer};
use crate::numbered::NOW;

/// The least lease, so that callers are checked each second.
const LEASE: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(100);
const MINUTE: i64 = 60;
/// The reading of a clock that is unavailable.
const UNAVAILABLE: i64 = i64::MAX;

/// A node whose clock is set by the test, and a session with a stream of each kind.
struct Fixture {
    node: Node,
    clock: Arc<AtomicI64>,
    alice: TokenSet,
    streams: Vec<Subscription>,
}

impl Fixture {
    async fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let seconds = Arc::clone(&clock);
        let now = move || {
            let seconds = seconds.load(Ordering::SeqCst);
            (seconds != UNAVAILABLE).then(|| NOW + jiff_seconds(seconds))
        };
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        let accounts = accounts(Arc::new(MemoryStore::default()), &keys).with_clock(clock_fn(now));
        let settings = StreamSettings::default().with_lease(LEASE).unwrap();
        let accounts = accounts.with_stream_settings(settings);
        let node = Node::start(accounts, Server::new(), INTERVAL).await;
        node.create_user("alice").await;
        let alice = node.log_in("alice").await;
        let mut client = Client::connect(node.address, &bearer(&alice)).await;
        let mut streams = Vec::new();
        for kind in KINDS {
            let mut stream = client.subscribe(kind).await.unwrap();
            stream.wait_for_new_message().await;
            streams.push(stream);
        }
        Self { node, clock, alice, streams }
    }

    fn set_clock(&self, seconds: i64) {
        self.clock.store(seconds, Ordering::SeqCst);
    }

    /// Checks that all streams deliver after two leases, so they were checked and renewed.
    async fn assert_open(&mut self) {
        tokio::time::sleep(2 * LEASE).await;
        for stream in &mut self.streams {
            stream.wait_for_new_message().await;
        }
    }

    /// Waits for the end of all streams, within this time.
    async fn assert_ends(self, code: &str, bound: Duration) {
        let start = Instant::now();
        for stream in self.streams {
            assert_eq!(stream.end().await.code, code);
        }
        assert!(start.elapsed() <= bound, "{:?}", start.elapsed());
    }
}

fn jiff_seconds(seconds: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(seconds)
}

/// Within the session, which lasts an hour.
#[tokio::test(flavor = "multi_thread")]
async fn streams_outlive_jumps_within_their_session() {
    let _processors = PROCESSORS.read().await;
    let mut fixture = Fixture::new().await;
    fixture.set_clock(50 * MINUTE);
    fixture.assert_open().await;
    fixture.set_clock(0);
    fixture.assert_open().await;
    fixture.node.log_out(&fixture.alice).await;
    fixture.assert_ends("session_ended", LEASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jump_past_the_session_ends_streams_within_the_lease() {
    let _processors = PROCESSORS.read().await;
    let fixture = Fixture::new().await;
    fixture.set_clock(61 * MINUTE);
    fixture.assert_ends("session_expired", LEASE).await;
}

/// The clock goes back and then fails: the lease that was renewed last ends by the monotonic clock.
#[tokio::test(flavor = "multi_thread")]
async fn jump_back_does_not_extend_a_lease() {
    let _processors = PROCESSORS.read().await;
    let mut fixture = Fixture::new().await;
    fixture.set_clock(-24 * 60 * MINUTE);
    fixture.assert_open().await;
    fixture.set_clock(UNAVAILABLE);
    fixture.assert_ends("unavailable", 2 * LEASE).await;
}
