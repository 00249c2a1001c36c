//! All kinds of calls report the caller's identity.

use kliento_tonic::v1::{Signer, Statement, WatchRequest, WhoAmIRequest};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{alice, client};
use crate::reference;
use crate::server::ServerCommand;

#[tokio::test]
async fn reports_the_caller_of_each_reference_bundle() {
    let server = ServerCommand::start();
    let channel = server.connect().await;
    let cases = reference::cases();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let mut client = client(channel.clone(), reference::file(&case.name));
        // The second response comes from the layer's cache.
        for _ in 0..2 {
            let caller = client.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
            let signer = match caller.signer() {
                Signer::Member => "member",
                Signer::Organisation => "organisation",
                Signer::Unspecified => "unspecified",
            };
            assert_eq!(caller.subject, case.subject, "{}", case.name);
            assert_eq!(signer, case.signer, "{}", case.name);
            assert_eq!(caller.claims, case.claims, "{}", case.name);
            assert_eq!(caller.valid_until, "2026-11-22T18:58:00Z", "{}", case.name);
        }
    }
}

#[tokio::test]
async fn streams_report_the_caller() {
    let server = ServerCommand::start();
    let mut client = alice(server.connect().await);

    let mut callers = client.watch(WatchRequest {}).await.unwrap().into_inner();
    for _ in 0..2 {
        let caller = callers.message().await.unwrap().expect("a fixed clock");
        assert_eq!(caller.subject, "alice@example.com");
    }

    let texts = ["one", "two", "three"];
    let statements = texts.map(|text| Statement { text: text.to_owned() });
    let statements = tokio_stream::iter(statements);
    let mut attributed = client.attribute(statements).await.unwrap().into_inner();
    for text in texts {
        let statement = attributed.message().await.unwrap().expect("one for each");
        assert_eq!(
            (statement.subject.as_str(), statement.text.as_str()),
            ("alice@example.com", text)
        );
    }
    assert_eq!(attributed.message().await.unwrap(), None);
}

#[tokio::test]
async fn health_service_needs_no_credentials() {
    let server = ServerCommand::start();
    let mut client = HealthClient::new(server.connect().await);
    for service in ["", "kliento.example.v1.Identity"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let response = client.check(request).await.unwrap().into_inner();
        assert_eq!(response.status(), ServingStatus::Serving, "{service:?}");
    }
}
