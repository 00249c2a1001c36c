//! The shutdown of a server ends streams with a code of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_guard::serve::Server;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::store::MemoryStore;

use crate::PROCESSORS;
use crate::client::{Client, End, KINDS, Kind};
use crate::node::{Node, accounts, bearer};

const INTERVAL: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_streams_with_its_own_code() {
    let _processors = PROCESSORS.read().await;
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let accounts = accounts(Arc::new(MemoryStore::default()), &keys);
    let timeout = Duration::from_secs(30);
    let server = Server::new().with_shutdown_timeout(timeout).unwrap();
    let node = Node::start(accounts, server, INTERVAL).await;
    node.create_user("alice").await;
    let alice = node.log_in("alice").await;
    let mut client = Client::connect(node.address, &bearer(&alice)).await;
    let mut streams = Vec::new();
    for kind in KINDS {
        let mut stream = client.subscribe(kind).await.unwrap();
        stream.wait_for_new_message().await;
        streams.push((kind, tokio::spawn(stream.end())));
    }
    drop(client);
    let started = Instant::now();
    let (open, summary) = node.stop().await;
    assert_eq!(open, KINDS.len());
    assert!(summary.is_clean() && started.elapsed() < timeout, "{summary:?}");
    for (kind, stream) in streams {
        let status = match kind {
            Kind::Events => 0,
            Kind::Grpc => 14,
            Kind::WebSocket => 1013,
        };
        let code = "server_shutdown".to_owned();
        assert_eq!(stream.await.unwrap(), End { code, status });
    }
}
