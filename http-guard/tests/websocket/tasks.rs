//! Handlers that give their socket to tasks, and sockets that are suspended.

use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::{SinkExt as _, StreamExt as _};
use http_guard::stream::StreamDecision;
use http_guard::stream::websocket::{WatchedWebSocket, WebSocketSettings};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::client::{Frame, TEST_TIMEOUT};
use crate::service::{ALLOW, ENDED, Service, echo};

/// The handler returns, and its tasks have the halves of the socket until the end.
#[tokio::test]
async fn tasks_lose_the_socket_at_the_end() {
    let (sender, mut results) = mpsc::channel(2);
    let service = Service::start(WebSocketSettings::default(), async move |socket| {
        let (mut writer, mut reader) = WatchedWebSocket::split(socket);
        let results = sender.clone();
        tokio::spawn(async move {
            while reader.next().await.is_some() {}
            results.send("reader".to_owned()).await.unwrap();
        });
        tokio::spawn(async move {
            let error = loop {
                if let Err(error) = writer.send(Message::text("tick")).await {
                    break error;
                }
                sleep(Duration::from_millis(1)).await;
            };
            sender.send(error.to_string()).await.unwrap();
        });
    });
    let service = service.await;
    let mut client = service.open().await;
    for _ in 0..10 {
        assert_eq!(client.receive().await, Some(Frame::text("tick")));
    }
    service.end(ENDED);
    let mut next = async || timeout(TEST_TIMEOUT, results.recv()).await.unwrap().unwrap();
    let mut received = [next().await, next().await];
    received.sort();
    assert_eq!(received, ["reader", "stream ended: session_ended"]);
    let last = loop {
        match client.receive().await {
            Some(Frame::Text(_)) => {}
            last => break last,
        }
    };
    assert_eq!(last, Some(Frame::close(4403, "session_ended")));
}

#[tokio::test]
async fn suspended_socket_delivers_nothing() {
    let service = Service::start(WebSocketSettings::default(), echo).await;
    service.decide(StreamDecision::Unknown, Some(Duration::ZERO));
    let mut client = service.open().await;
    client.send("hello").await;
    assert!(timeout(Duration::from_millis(500), client.receive_head()).await.is_err());
    service.decide(ALLOW, None);
    service.registry.check_all();
    assert_eq!(client.receive().await, Some(Frame::text("hello")));
}

/// A task that has the socket is not suspended by its handler.
#[tokio::test]
async fn suspended_socket_of_a_task_delivers_nothing() {
    let service = Service::start(WebSocketSettings::default(), async |socket| {
        tokio::spawn(echo(socket)).await.unwrap();
    });
    let service = service.await;
    let mut client = service.open().await;
    client.send("first").await;
    assert_eq!(client.receive().await, Some(Frame::text("first")));
    service.decide(StreamDecision::Allow { valid_for: Some(Duration::ZERO) }, None);
    service.check().await;
    client.send("second").await;
    assert!(timeout(Duration::from_millis(500), client.receive_head()).await.is_err());
    service.decide(ALLOW, None);
    service.registry.check_all();
    assert_eq!(client.receive().await, Some(Frame::text("second")));
}
