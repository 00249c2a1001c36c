//! Streams end with the session of their caller, and with the permission of their method.

use std::time::Duration;

use people_tonic::v1::{GetRequest, PublishRequest, WatchRequest};
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::fixture::{Fixture, authorization};

/// Far longer than any step takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

fn request(title: &str) -> PublishRequest {
    PublishRequest { title: title.to_owned() }
}

fn requests() -> (Sender<PublishRequest>, ReceiverStream<PublishRequest>) {
    let (sender, requests) = mpsc::channel(1);
    (sender, ReceiverStream::new(requests))
}

/// Waits for the status that ends a stream, and returns its code and its message.
async fn end<T>(stream: &mut Streaming<T>) -> (Code, String) {
    status(timeout(TEST_TIMEOUT, stream.message()).await.unwrap())
}

fn status<T>(result: Result<T, Status>) -> (Code, String) {
    let status = result.map(drop).unwrap_err();
    (status.code(), status.message().to_owned())
}

fn session_ended() -> (Code, String) {
    (Code::Unauthenticated, "The session has ended (session_ended)".to_owned())
}

fn permission_denied() -> (Code, String) {
    (Code::PermissionDenied, "Permission denied (permission_denied)".to_owned())
}

#[tokio::test]
async fn watch_ends_with_its_session_only() {
    let fixture = Fixture::start("1000/60").await;
    let (here, elsewhere) = (fixture.log_in("reader").await, fixture.log_in("reader").await);
    let mut ended = fixture.client(Some(&authorization(&here)));
    let mut kept = fixture.client(Some(&authorization(&elsewhere)));
    let mut ended_reports = ended.watch(WatchRequest {}).await.unwrap().into_inner();
    let mut kept_reports = kept.watch(WatchRequest {}).await.unwrap().into_inner();
    let mut root = fixture.client(Some(&fixture.access_token("root").await));
    root.publish(request("first")).await.unwrap();
    assert_eq!(ended_reports.message().await.unwrap().unwrap().title, "first");

    fixture.log_out(&here).await;
    root.publish(request("second")).await.unwrap();
    assert_eq!(end(&mut ended_reports).await, session_ended());
    for title in ["first", "second"] {
        assert_eq!(kept_reports.message().await.unwrap().unwrap().title, title);
    }
    let rejected = ended.watch(WatchRequest {}).await;
    assert_eq!(status(rejected).0, Code::Unauthenticated);
}

#[tokio::test]
async fn watch_ends_with_its_permission() {
    let fixture = Fixture::start("1000/60").await;
    let reader = fixture.log_in("reader").await;
    let mut client = fixture.client(Some(&authorization(&reader)));
    let mut reports = client.watch(WatchRequest {}).await.unwrap().into_inner();
    fixture.withdraw_roles(&reader).await;
    assert_eq!(end(&mut reports).await, permission_denied());
}

#[tokio::test]
async fn bidirectional_stream_ends_in_both_directions() {
    let fixture = Fixture::start("1000/60").await;
    let editor = fixture.log_in("editor").await;
    let mut client = fixture.client(Some(&authorization(&editor)));
    let (sender, titles) = requests();
    let mut reports = client.publish_each(titles).await.unwrap().into_inner();
    sender.send(request("first")).await.unwrap();
    assert_eq!(reports.message().await.unwrap().unwrap().title, "first");

    fixture.log_out(&editor).await;
    // It may be sent, and is not read.
    let _is_sent = sender.send(request("second")).await.is_ok();
    assert_eq!(end(&mut reports).await, session_ended());
    timeout(TEST_TIMEOUT, sender.closed()).await.unwrap();
    assert_eq!(published(&fixture, 1).await, Ok("first".to_owned()));
    assert_eq!(published(&fixture, 2).await, Err(Code::NotFound));
}

/// The method has not responded.
#[tokio::test]
async fn stream_of_requests_ends() {
    let ends = [session_ended(), permission_denied()];
    for (is_logout, expected) in [true, false].into_iter().zip(ends) {
        let fixture = Fixture::start("1000/60").await;
        let editor = fixture.log_in("editor").await;
        let mut client = fixture.client(Some(&authorization(&editor)));
        let (sender, titles) = requests();
        let call = tokio::spawn(async move { client.import(titles).await });
        sender.send(request("first")).await.unwrap();
        // The layer watches calls that last longer.
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(published(&fixture, 1).await, Ok("first".to_owned()));

        if is_logout {
            fixture.log_out(&editor).await;
        } else {
            fixture.withdraw_roles(&editor).await;
        }
        let ended = timeout(TEST_TIMEOUT, call).await.unwrap().unwrap();
        assert_eq!(status(ended), expected);
        timeout(TEST_TIMEOUT, sender.closed()).await.unwrap();
        assert_eq!(published(&fixture, 2).await, Err(Code::NotFound));
    }
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let fixture = Fixture::start("1000/60").await;
    let mut client = fixture.client(Some(&fixture.access_token("reader").await));
    let mut reports = client.watch(WatchRequest {}).await.unwrap().into_inner();
    fixture.shut_down_streams();
    let (code, message) = end(&mut reports).await;
    assert_eq!(code, Code::Unavailable);
    assert!(message.ends_with(" (server_shutdown)"), "{message}");
}

/// Returns the title of a report.
async fn published(fixture: &Fixture, id: u32) -> Result<String, Code> {
    let mut root = fixture.client(Some(&fixture.access_token("root").await));
    let report = root.get(GetRequest { id }).await;
    report.map(|report| report.into_inner().title).map_err(|status| status.code())
}
