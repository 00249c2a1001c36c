//! Clients that do not read.

use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::{SinkExt as _, StreamExt as _};
use http_guard::stream::websocket::{WatchedWebSocket, WebSocketSettings};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::client::{Client, Frame, TEST_TIMEOUT};
use crate::service::{ENDED, Service, echo};

/// More than the buffers of both sockets hold.
const LARGE: usize = 32 * 1024 * 1024;

async fn send_large(mut socket: WatchedWebSocket) {
    for _ in 0..2 {
        socket.send(Message::binary(vec![7; LARGE])).await.unwrap();
    }
}

/// Opens a WebSocket, and waits until its large message is being sent.
async fn open(service: &Service) -> Client {
    let mut client = service.open().await;
    assert_eq!(client.receive_head().await, Some((2, LARGE)));
    client
}

/// The Close frame is not inside of the message, and the next message is not sent.
#[tokio::test]
async fn message_that_is_being_sent_is_completed_first() {
    let service = Service::start(WebSocketSettings::default(), send_large).await;
    let mut client = open(&service).await;
    service.end(ENDED);
    assert_eq!(client.read(LARGE).await, Some(vec![7; LARGE]));
    assert_eq!(client.receive().await, Some(Frame::close(4403, "session_ended")));
    client.close(4403).await;
    assert_eq!(client.receive().await, None);
}

#[tokio::test]
async fn connection_is_dropped_if_the_client_does_not_read_the_end() {
    let settings = WebSocketSettings::default();
    let settings = settings.with_close_timeout(Duration::from_secs(1)).unwrap();
    let service = Service::start(settings, send_large).await;
    let mut client = open(&service).await;
    service.end(ENDED);
    assert!(service.stop().await.is_clean());
    // The rest of the message, and so the Close frame, is lost.
    assert_eq!(client.read(LARGE).await, None);
}

/// Also a client that reads the end, and neither answers nor closes.
#[tokio::test]
async fn connection_is_dropped_if_the_client_does_not_answer_the_end() {
    let settings = WebSocketSettings::default();
    let settings = settings.with_close_timeout(Duration::from_secs(1)).unwrap();
    let service = Service::start(settings, echo).await;
    let mut client = service.open().await;
    service.end(ENDED);
    assert_eq!(client.receive().await, Some(Frame::close(4403, "session_ended")));
    assert_eq!(client.receive().await, None);
}

#[tokio::test]
async fn connection_is_dropped_if_the_client_does_not_read_a_message() {
    let (sender, mut results) = mpsc::channel(2);
    let settings = WebSocketSettings::default();
    let settings = settings.with_write_timeout(Duration::from_secs(1)).unwrap();
    let service = Service::start(settings, async move |socket: WatchedWebSocket| {
        let (mut writer, mut reader) = socket.split();
        let results = sender.clone();
        tokio::spawn(async move {
            let message = reader.next().await;
            results.send(message.map(|message| message.unwrap_err().to_string())).await.unwrap();
        });
        let error = writer.send(Message::binary(vec![7; LARGE])).await.unwrap_err();
        sender.send(Some(error.to_string())).await.unwrap();
    });
    let service = service.await;
    let mut client = open(&service).await;
    let mut next = async || timeout(TEST_TIMEOUT, results.recv()).await.unwrap().unwrap();
    let mut received = [next().await, next().await];
    received.sort();
    assert_eq!(received, [None, Some("timed out".to_owned())]);
    assert!(service.stop().await.is_clean());
    assert_eq!(client.read(LARGE).await, None);
}
