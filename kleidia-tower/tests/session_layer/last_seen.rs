//! `last_seen_at` is written in the background: no request waits for a writer.

use std::time::Duration;

use kleidia_tower::session::SessionLookup;

use crate::support::http::{outcome, request, send};
use crate::support::{Fixture, bearer};

#[tokio::test]
async fn requests_do_not_wait_for_a_busy_writer() {
    let fixture = Fixture::new().await;
    let tokens = [fixture.log_in("alice").await, fixture.log_in("root").await];
    let layer = fixture.layer();
    let writer = fixture.store.pause_next_touch();
    // All of them are answered while the first update waits.
    for minute in 1..=5 {
        fixture.advance_clock(60);
        for (tokens, name) in tokens.iter().zip(["alice", "root"]) {
            let response = send(layer.clone(), request(&[&bearer(tokens)])).await;
            assert_eq!(outcome(&response), name, "minute {minute}");
        }
        tokio::task::yield_now().await;
    }
    writer.reached.notified().await;
    writer.resumed.notify_one();
    fixture.accounts.authenticator().flush().await;
    for tokens in &tokens {
        let key = SessionLookup::Id(tokens.session.session.id);
        let view = fixture.accounts.store().session(key).await.unwrap().unwrap();
        let opened = tokens.session.session.last_seen_at;
        assert_eq!(view.session.last_seen_at, opened + Duration::from_secs(300));
    }
}

#[tokio::test]
async fn unavailable_writer_does_not_reject_requests() {
    let fixture = Fixture::new().await;
    let tokens = fixture.log_in("alice").await;
    fixture.advance_clock(60);
    let writer = fixture.store.pause_next_touch();
    let layer = fixture.layer();
    assert_eq!(outcome(&send(layer.clone(), request(&[&bearer(&tokens)])).await), "alice");
    writer.reached.notified().await;
    fixture.store.set_unavailable(true);
    writer.resumed.notify_one();
    fixture.accounts.authenticator().flush().await;
    assert!(fixture.accounts.authenticator().health().is_err());
    fixture.store.set_unavailable(false);
    assert_eq!(outcome(&send(layer, request(&[&bearer(&tokens)])).await), "alice");
    while fixture.accounts.authenticator().health().is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let key = SessionLookup::Id(tokens.session.session.id);
    let view = fixture.accounts.store().session(key).await.unwrap().unwrap();
    let opened = tokens.session.session.last_seen_at;
    assert_eq!(
        view.session.last_seen_at,
        opened + Duration::from_secs(60),
        "without another request"
    );
}
