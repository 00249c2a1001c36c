//! How WebSockets end, and what their clients receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::SinkExt as _;
use http_guard::Problem;
use http_guard::stream::websocket::WebSocketSettings;
use http_guard::stream::{Reconnection, StreamEnd};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::client::{Frame, TEST_TIMEOUT};
use crate::service::{ENDED, Service, echo};

#[tokio::test]
async fn ends_with_the_code_and_what_the_client_should_do() {
    let expired = Problem::unauthorized("token_expired", "It expired");
    let expired = StreamEnd::new(expired, Reconnection::Authenticate);
    let custom = WebSocketSettings::default().with_close_code(Reconnection::Never, 4000).unwrap();
    for (end, settings, code) in [
        (ENDED, WebSocketSettings::default(), 4403),
        (expired, WebSocketSettings::default(), 4401),
        (StreamEnd::SERVER_SHUTDOWN, WebSocketSettings::default(), 1013),
        (ENDED, custom, 4000),
    ] {
        let service = Service::start(settings, echo).await;
        let mut client = service.open().await;
        client.send("hello").await;
        assert_eq!(client.receive().await, Some(Frame::text("hello")));
        service.end(end);
        assert!(service.registry.is_empty());
        // It is not echoed.
        client.send("too late").await;
        assert_eq!(client.receive().await, Some(Frame::close(code, end.code())));
        client.close(code).await;
        assert_eq!(client.receive().await, None);
    }
}

/// The reason of a Close frame has at most 123 octets.
#[tokio::test]
async fn long_code_is_cut() {
    const CODE: &str = "a_code_that_is_longer_than_any_code_should_be_since_a_control_frame_has_at_\
                        most_125_octets_of_which_the_close_code_takes_two_so_that_123_are_left";
    let end = StreamEnd::new(Problem::forbidden(CODE, "It ended"), Reconnection::Never);
    let service = Service::start(WebSocketSettings::default(), echo).await;
    let mut client = service.open().await;
    service.end(end);
    assert_eq!(client.receive().await, Some(Frame::close(4403, &CODE[..123])));
}

#[tokio::test]
async fn nothing_is_delivered_after_the_end() {
    let last = Arc::new(AtomicU64::new(0));
    let sending = Arc::clone(&last);
    let service = Service::start(WebSocketSettings::default(), async move |mut socket| {
        for number in 0.. {
            sending.store(number, Ordering::SeqCst);
            if socket.send(Message::text(number.to_string())).await.is_err() {
                return;
            }
        }
    });
    let service = service.await;
    let mut client = service.open().await;
    for number in 0..100_u64 {
        assert_eq!(client.receive().await, Some(Frame::Text(number.to_string())));
    }
    // The handler does not run meanwhile: there is one thread.
    service.end(ENDED);
    let last = last.load(Ordering::SeqCst);
    let end = loop {
        match client.receive().await {
            Some(Frame::Text(number)) => {
                assert!(number.parse::<u64>().unwrap() <= last, "{number}");
            }
            end => break end,
        }
    };
    assert_eq!(end, Some(Frame::close(4403, "session_ended")));
    client.close(4403).await;
    assert_eq!(client.receive().await, None);
}

/// Sends when it is dropped.
struct SendOnDrop(mpsc::UnboundedSender<()>);

impl Drop for SendOnDrop {
    fn drop(&mut self) {
        let _is_received = self.0.send(()).is_ok();
    }
}

/// Also while it waits for something else. A message that it has not flushed is lost.
#[tokio::test]
async fn handler_is_dropped() {
    let (sender, mut dropped) = mpsc::unbounded_channel();
    let service = Service::start(WebSocketSettings::default(), async move |mut socket| {
        let _guard = SendOnDrop(sender);
        socket.send(Message::text("first")).await.unwrap();
        socket.feed(Message::text("second")).await.unwrap();
        std::future::pending::<()>().await;
    });
    let service = service.await;
    let mut client = service.open().await;
    assert_eq!(client.receive().await, Some(Frame::text("first")));
    assert!(dropped.try_recv().is_err());
    service.end(ENDED);
    assert_eq!(client.receive().await, Some(Frame::close(4403, "session_ended")));
    assert_eq!(dropped.try_recv(), Ok(()));
}

#[tokio::test]
async fn handler_that_returns_closes_the_connection() {
    let service = Service::start(WebSocketSettings::default(), async |mut socket| {
        assert_eq!(socket.protocol().unwrap(), "chat");
        assert!(socket.recv().await.unwrap().is_ok());
    });
    let service = service.await;
    let mut client = service.open().await;
    client.send("hello").await;
    assert_eq!(client.receive().await, Some(Frame::close(1000, "")));
    client.close(1000).await;
    assert_eq!(client.receive().await, None);
    assert!(service.registry.is_empty());
}

#[tokio::test]
async fn client_closes_the_connection() {
    let (sender, mut returned) = mpsc::channel(1);
    let service = Service::start(WebSocketSettings::default(), async move |socket| {
        echo(socket).await;
        sender.send(()).await.unwrap();
    });
    let service = service.await;
    let mut client = service.open().await;
    client.close(1001).await;
    assert_eq!(client.receive().await, Some(Frame::close(1001, "")));
    assert_eq!(client.receive().await, None);
    timeout(TEST_TIMEOUT, returned.recv()).await.unwrap().unwrap();
    while !service.registry.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// It is an error of the handler, which returns.
#[tokio::test]
async fn message_that_is_too_large_is_not_received() {
    const MAX: usize = 1024 * 1024;
    let service = Service::start(WebSocketSettings::default(), echo).await;
    let mut client = service.open().await;
    client.send_head(MAX as u64).await;
    client.send_octets(&vec![7; MAX]).await;
    assert_eq!(client.receive().await, Some(Frame::Binary(MAX)));
    client.send_head(MAX as u64 + 1).await;
    assert_eq!(client.receive().await, Some(Frame::close(1000, "")));
}
