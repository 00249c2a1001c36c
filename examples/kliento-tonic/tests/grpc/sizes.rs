//! The largest bundle is accepted, and larger ones are rejected.

use std::fs;

use kliento::MAX_BUNDLE_OCTETS;
use kliento_tonic::v1::WhoAmIRequest;
use tonic::Code;

use crate::client::client;
use crate::mock::MockSigner;
use crate::reference::AUDIENCE;
use crate::rejections::rejection;
use crate::server::ServerCommand;

#[tokio::test]
async fn accepts_largest_bundle_and_rejects_larger_ones() {
    let mock = MockSigner::new();
    let server = ServerCommand::with(AUDIENCE, &mock.trust_anchors);
    let channel = server.connect().await;

    let largest = mock.bundle(MAX_BUNDLE_OCTETS);
    assert_eq!(largest.to_authorization().len(), 21_856);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("largest.bin");
    fs::write(&file, largest.as_bytes()).unwrap();
    let mut client = client(channel.clone(), file);
    let caller = client.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
    assert_eq!(caller.subject, "carol@example.org");

    // One more octet needs no more characters; a thousand more do.
    for octets in [MAX_BUNDLE_OCTETS + 1, MAX_BUNDLE_OCTETS + 1000] {
        let (code, message) = rejection(&channel, &[&mock.authorization(octets)]).await;
        assert_eq!(code, Code::Unauthenticated);
        assert!(message.contains("(credentials_malformed)"), "{message}");
    }

    // Above the server's limit, HTTP/2 rejects the request.
    let oversized = "A".repeat(32 * 1024);
    let (code, message) = rejection(&channel, &[&format!("Kliento {oversized}")]).await;
    assert_eq!(code, Code::Unknown);
    assert!(message.contains("431"), "{message}");

    // The connection is still open.
    client.who_am_i(WhoAmIRequest {}).await.unwrap();
}
