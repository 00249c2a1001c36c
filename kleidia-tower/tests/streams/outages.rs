//! The database is unreachable: streams end with their lease, and start again afterwards.

use std::time::{Duration, Instant};

use http_guard::serve::Server;
use http_guard::stream::StreamSettings;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use test_servers::PostgresServer;
use tokio::time::timeout;

use crate::client::{Client, End, KINDS, Kind};
use crate::node::{Node, accounts, bearer, open_store};
use crate::proxy::{Mode, Proxy};
use crate::{PROCESSORS, TEST_TIMEOUT};

const LEASE: Duration = Duration::from_secs(4);
const INTERVAL: Duration = Duration::from_millis(100);

fn unavailable(kind: Kind) -> End {
    let status = match kind {
        Kind::Events => 0,
        Kind::Grpc => 14,
        Kind::WebSocket => 1013,
    };
    End { code: "unavailable".to_owned(), status }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_their_lease_while_the_database_is_unreachable() {
    let _processors = PROCESSORS.read().await;
    let url = PostgresServer::shared().create_database();
    let proxy = Proxy::start(&url, PostgresServer::shared().port()).await;
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let settings = StreamSettings::default().with_lease(LEASE).unwrap();
    let accounts = accounts(open_store(&proxy.url).await, &keys).with_stream_settings(settings);
    let node = Node::start(accounts, Server::new(), INTERVAL).await;
    node.create_user("alice").await;
    let alice = node.log_in("alice").await;
    for fault in [Mode::Stall, Mode::Cut] {
        let mut client = Client::connect(node.address, &bearer(&alice)).await;
        let mut streams = Vec::new();
        for kind in KINDS {
            let opening = async {
                loop {
                    // The pool may still have connections that were cut.
                    if let Ok(stream) = client.subscribe(kind).await {
                        return stream;
                    }
                }
            };
            let mut stream = timeout(TEST_TIMEOUT, opening).await.expect("a stream");
            let first = stream.message().await;
            streams.push((kind, tokio::spawn(stream.read_to_end(first))));
        }
        proxy.set_all(fault);
        let failed = Instant::now();
        for (kind, stream) in streams {
            let received = stream.await.unwrap();
            assert_eq!(received.end, unavailable(kind), "{fault:?}");
            let last = received.last_produced.saturating_duration_since(failed);
            assert!(last <= LEASE, "{fault:?}: produced after {last:?}");
            // A check may have renewed the lease just before.
            let end = received.ended.saturating_duration_since(failed);
            assert!((LEASE / 4..LEASE * 2).contains(&end), "{fault:?}: ended after {end:?}");
        }
        proxy.set_all(Mode::Forward);
    }
}
