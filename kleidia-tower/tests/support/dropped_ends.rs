//! Ends sessions, and disconnects at random times: what was committed is published.

use std::time::Duration;

use kleidia_tower::session::{EndReason, SessionEvent, SessionLookup, SessionSelector};
use kleidia_tower::store::Store;
use tokio::time::timeout;

use crate::numbered::{at, create, log_in};

/// Checks that the end of each session is published that the store has ended.
pub(crate) async fn ended_sessions_are_published(store: &impl Store) {
    let mut receiver = store.session_events().unwrap().subscribe();
    let alice = create(store, "alice").await;
    let mut dropped = 0;
    for token in 0..300 {
        let session = log_in(store, &alice, token).await.session.id;
        let (one, change) = (SessionSelector::One { user: alice.id, session }, at(1));
        let ending = store.end_sessions(one, EndReason::Logout, &change);
        // Often less than the operation takes.
        let time = Duration::from_micros(fastrand::u64(0..1 << fastrand::u32(0..14)));
        let is_dropped = timeout(time, ending).await.is_err();
        let view = store.session(SessionLookup::Id(session)).await.unwrap().unwrap();
        if view.session.end.is_none() {
            assert!(is_dropped, "an acknowledged write is lost");
            continue;
        }
        dropped += u32::from(is_dropped);
        let ended =
            SessionEvent::SessionEnded { session, user: alice.id, reason: EndReason::Logout };
        let hearing = async { while receiver.next().await != Some(ended) {} };
        timeout(Duration::from_secs(60), hearing).await.expect("the end is published");
    }
    assert!(dropped > 0, "no caller disconnected during a commit");
}
