//! The service over a socket: people and workloads, permissions, limits and streams.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod endings;
mod fixture;

use people_tonic::v1::{GetRequest, ListRequest, PublishRequest};
use tonic::Code;

use crate::fixture::Fixture;

#[tokio::test]
async fn people_and_workloads_call_the_same_methods() {
    let fixture = Fixture::start("1000/60").await;
    let mut people = fixture.client(Some(&fixture.access_token("root").await));
    let mut workload = fixture.client(Some(&fixture.bundle("publisher")));
    for (client, author) in [(&mut people, "root"), (&mut workload, "publisher@example.org")] {
        let request = PublishRequest { title: "Traffic".to_owned() };
        let published = client.publish(request).await.unwrap().into_inner();
        assert_eq!(published.author, author);
        let read = client.get(GetRequest { id: published.id }).await.unwrap().into_inner();
        assert_eq!(read, published);
    }
}

#[tokio::test]
async fn streams_all_reports_to_people_and_workloads() {
    let fixture = Fixture::start("1000/60").await;
    let mut root = fixture.client(Some(&fixture.access_token("root").await));
    for number in 0..20 {
        root.publish(PublishRequest { title: format!("Report {number}") }).await.unwrap();
    }
    let reader = fixture.access_token("reader").await;
    for credentials in [reader, fixture.bundle("reader")] {
        let mut client = fixture.client(Some(&credentials));
        let mut reports = client.list(ListRequest {}).await.unwrap().into_inner();
        let mut titles = Vec::new();
        while let Some(report) = reports.message().await.unwrap() {
            titles.push(report.title);
        }
        assert_eq!(titles.len(), 20);
        assert_eq!(titles.last().map(String::as_str), Some("Report 19"));
    }
}

#[tokio::test]
async fn missing_permission_is_permission_denied() {
    let fixture = Fixture::start("1000/60").await;
    // `reader` may read and not publish, `alice` and `other` have no permission.
    for (credentials, may_list) in [
        (fixture.access_token("reader").await, true),
        (fixture.bundle("reader"), true),
        (fixture.access_token("alice").await, false),
        (fixture.bundle("other"), false),
    ] {
        let mut client = fixture.client(Some(&credentials));
        let denied = client.publish(PublishRequest::default()).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let listed = client.list(ListRequest {}).await.map(drop);
        let expected = if may_list { Ok(()) } else { Err(Code::PermissionDenied) };
        assert_eq!(listed.map_err(|status| status.code()), expected);
    }
}

#[tokio::test]
async fn missing_or_invalid_credentials_are_unauthenticated() {
    let fixture = Fixture::start("1000/60").await;
    for credentials in [None, Some("Bearer x"), Some("Kliento x"), Some("Basic x")] {
        let mut client = fixture.client(credentials);
        let unary = client.get(GetRequest { id: 1 }).await.map(drop);
        let stream = client.list(ListRequest {}).await.map(drop);
        for result in [unary, stream] {
            assert_eq!(result.unwrap_err().code(), Code::Unauthenticated, "{credentials:?}");
        }
    }
}

#[tokio::test]
async fn calls_over_the_limit_are_resource_exhausted() {
    let fixture = Fixture::start("2/60").await;
    let mut client = fixture.client(Some(&fixture.access_token("root").await));
    for _ in 0..2 {
        client.list(ListRequest {}).await.unwrap();
    }
    let rejected = client.list(ListRequest {}).await.map(drop).unwrap_err();
    assert_eq!(rejected.code(), Code::ResourceExhausted);
    assert_eq!(rejected.metadata().get("grpc-retry-pushback-ms").unwrap(), "30000");
}
