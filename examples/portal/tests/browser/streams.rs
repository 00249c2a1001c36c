//! Chromium's own `EventSource` and `WebSocket` as clients of streams that end with their session.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::ClientInfo;
use kleidia_tower::session::SessionView;
use kleidia_tower::store::MemoryStore;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::cookie_service::{CookieService, accounts, log_in_alice};
use crate::wait_for;

/// More than the five seconds that the server tells a client to wait at most.
const MAX_RETRY: Duration = Duration::from_secs(6);

/// Records what an `EventSource` receives.
const OPEN_EVENTS: &str = "
    window.ticks = [];
    window.ends = [];
    window.opened = 0;
    window.source = new EventSource('/events');
    source.addEventListener('open', () => opened++);
    source.addEventListener('tick', (event) => ticks.push(Number(event.data)));
    source.addEventListener('session-ended', (event) => ends.push([event.data, ticks.length]));";

/// Records what a `WebSocket` receives, and sends a message each 50 milliseconds.
const OPEN_SOCKET: &str = "
    window.echoed = 0;
    window.closing = null;
    window.socket = new WebSocket(`ws://${location.host}/echo`);
    socket.addEventListener('message', () => echoed++);
    socket.addEventListener('close', ({ code, reason, wasClean }) => {
        closing = [code, reason, wasClean, echoed];
    });
    socket.addEventListener('open', () => {
        setInterval(() => socket.readyState === WebSocket.OPEN && socket.send('a message'), 50);
    });";

/// Starts a service, and opens its page in a browser with the cookies of a session.
async fn start() -> (Arc<MemoryStore>, CookieService, SessionView, Browser) {
    let store = Arc::new(MemoryStore::default());
    let service = CookieService::start(accounts(&store), "127.0.0.1:0".parse().unwrap()).await;
    let alice = log_in_alice(&service.accounts).await;
    let session = alice.session.clone();
    let browser = Browser::open_url(&service.log_in_url(alice)).await;
    (store, service, session, browser)
}

/// Waits until an expression of the page is true.
async fn wait_until(browser: &Browser, expression: &str) {
    let script = format!("return {expression}");
    wait_for(expression, || async { (browser.run(&script, []).await == true).then_some(()) }).await;
}

async fn read(browser: &Browser, expression: &str) -> Value {
    browser.run(&format!("return {expression}"), []).await
}

#[tokio::test]
async fn event_source_stops_after_the_session_has_ended() {
    let (_, service, alice, browser) = start().await;
    browser.run(OPEN_EVENTS, []).await;
    wait_until(&browser, "ticks.length > 5").await;
    service.accounts.log_out(&alice, ClientInfo::default()).await.unwrap();
    wait_until(&browser, "ends.length === 1").await;
    // It reconnects, is rejected with 401, and gives up.
    wait_until(&browser, "source.readyState === EventSource.CLOSED").await;
    let ends = read(&browser, "ends").await;
    assert_eq!(ends[0][0], "session_ended");
    tokio::time::sleep(MAX_RETRY).await;
    assert_eq!(service.requests(), 2);
    assert_eq!(read(&browser, "opened").await, 1);
    // Nothing came after the last event.
    assert_eq!(read(&browser, "ticks.length").await, ends[0][1]);
    browser.close().await;
}

#[tokio::test]
async fn event_source_reconnects_to_another_node_after_a_shutdown() {
    let (store, service, alice, browser) = start().await;
    browser.run(OPEN_EVENTS, []).await;
    wait_until(&browser, "ticks.length > 5").await;
    let address = service.stop().await;
    let other = CookieService::start(accounts(&store), address).await;
    wait_until(&browser, "opened === 2 && ends.length === 1").await;
    let ends = read(&browser, "ends").await;
    assert_eq!(ends[0][0], "server_shutdown");
    let before = ends[0][1].as_u64().unwrap();
    wait_until(&browser, &format!("ticks.length > {}", before + 5)).await;
    other.accounts.log_out(&alice, ClientInfo::default()).await.unwrap();
    wait_until(&browser, "source.readyState === EventSource.CLOSED").await;
    assert_eq!(
        read(&browser, "ends.map(([code]) => code)").await,
        json!(["server_shutdown", "session_ended"])
    );
    browser.close().await;
}

#[tokio::test]
async fn web_socket_is_closed_with_the_session() {
    let (_, service, alice, browser) = start().await;
    browser.run(OPEN_SOCKET, []).await;
    wait_until(&browser, "echoed > 5").await;
    service.accounts.log_out(&alice, ClientInfo::default()).await.unwrap();
    wait_until(&browser, "closing !== null").await;
    let closed = read(&browser, "closing").await;
    assert_eq!(
        (&closed[0], &closed[1], &closed[2]),
        (&json!(4403), &json!("session_ended"), &json!(true))
    );
    assert_eq!(service.late_echoes(), 0);

    // The handshake is rejected with 401, which browsers report as 1006.
    browser.run(OPEN_SOCKET, []).await;
    wait_until(&browser, "closing !== null").await;
    assert_eq!(read(&browser, "closing").await, json!([1006, "", false, 0]));
    browser.close().await;
}

#[tokio::test]
async fn web_socket_is_told_to_come_back_after_a_shutdown() {
    let (store, service, _, browser) = start().await;
    browser.run(OPEN_SOCKET, []).await;
    wait_until(&browser, "echoed > 5").await;
    let address = service.stop().await;
    wait_until(&browser, "closing !== null").await;
    let closed = read(&browser, "closing").await;
    assert_eq!((&closed[0], &closed[1]), (&json!(1013), &json!("server_shutdown")));
    let _other = CookieService::start(accounts(&store), address).await;
    browser.run(OPEN_SOCKET, []).await;
    wait_until(&browser, "echoed > 5").await;
    browser.close().await;
}
