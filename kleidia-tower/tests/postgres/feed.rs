//! The feed: what one node changes, the others receive.

use std::time::Duration;

use kleidia_tower::account::{AccountStore as _, AccountUpdate};
use kleidia_tower::session::{
    AccountChange, EndReason, SessionEvent, SessionEventReceiver, SessionSelector,
    SessionStore as _,
};
use kleidia_tower::store::PostgresStore;
use test_servers::PostgresServer;
use tokio::time::timeout;

use crate::dropped_ends::ended_sessions_are_published;
use crate::nodes;
use crate::numbered::{at, audit_key, create, log_in, operator};

/// Waits for an event that satisfies the condition, and returns those before it.
async fn receive(
    receiver: &mut SessionEventReceiver,
    condition: impl Fn(SessionEvent) -> bool,
) -> Vec<SessionEvent> {
    let mut before = Vec::new();
    let receiving = async {
        loop {
            let event = receiver.next().await.unwrap();
            if condition(event) {
                return;
            }
            before.push(event);
        }
    };
    let outcome = timeout(Duration::from_secs(60), receiving).await;
    outcome.unwrap_or_else(|_| panic!("not among {before:?}"));
    before
}

const fn is_up_to_date(event: SessionEvent) -> bool {
    matches!(event, SessionEvent::UpToDate { .. })
}

/// Subscribes, and waits until the node receives the feed.
async fn subscribe(store: &PostgresStore) -> SessionEventReceiver {
    let mut receiver = store.session_events().unwrap().subscribe();
    receive(&mut receiver, is_up_to_date).await;
    receiver
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_receive_changes_of_others() {
    let [here, there] = nodes().await;
    let mut receiver = subscribe(&there).await;
    let (alice, bob) = (create(&here, "alice").await, create(&here, "bob").await);
    let first = log_in(&here, &alice, 1).await.session.id;
    let agent = here.register_agent(first, alice.id, "key".to_owned(), &at(1)).await;
    assert!(agent.unwrap().value);
    let one = SessionSelector::One { user: alice.id, session: first };
    drop(here.end_sessions(one, EndReason::RevokedByAdmin, &at(1)).await.unwrap());
    for token in 2..20 {
        log_in(&here, &alice, token).await;
    }
    let all = SessionSelector::All { user: alice.id };
    drop(here.end_sessions(all, EndReason::Logout, &at(1)).await.unwrap());
    let update = AccountUpdate { is_disabled: Some(true), roles: None };
    drop(here.update_account(bob.id, update, &operator(), &at(1)).await.unwrap());

    let changed = |user, change| SessionEvent::AccountChanged { user, change };
    let last = changed(bob.id, AccountChange::Disabled);
    let mut events = receive(&mut receiver, |event| event == last).await;
    events.retain(|event| !is_up_to_date(*event));
    let reason = EndReason::RevokedByAdmin;
    let expected = [
        SessionEvent::AgentRegistered { session: first, user: alice.id },
        SessionEvent::SessionEnded { session: first, user: alice.id, reason },
        changed(alice.id, AccountChange::SessionsEnded),
    ];
    assert_eq!(events, expected);
    there.session_events().unwrap().health().unwrap();
}

/// A heartbeat is received after everything that was committed before it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_is_heard_after_earlier_changes() {
    let [here, there] = nodes().await;
    let mut receiver = subscribe(&there).await;
    let alice = create(&here, "alice").await;
    for token in 0..50 {
        let session = log_in(&here, &alice, token).await.session.id;
        let one = SessionSelector::One { user: alice.id, session };
        drop(here.end_sessions(one, EndReason::Logout, &at(1)).await.unwrap());
        let acknowledged = std::time::Instant::now();
        let ended =
            SessionEvent::SessionEnded { session, user: alice.id, reason: EndReason::Logout };
        let before = receive(&mut receiver, |event| event == ended).await;
        for event in before {
            let SessionEvent::UpToDate { as_of, .. } = event else { continue };
            assert!(as_of < acknowledged, "a heartbeat overtook a change");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_learns_that_it_missed_something() {
    let url = PostgresServer::shared().create_database();
    let name = url.rsplit('/').next().unwrap();
    let (here, there) = (
        PostgresStore::open(&url, audit_key()).await.unwrap(),
        PostgresStore::open(&url, audit_key()).await.unwrap(),
    );
    let mut receiver = subscribe(&there).await;
    let alice = create(&here, "alice").await;
    for round in 0..3 {
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name = 'kleidia-feed'";
        let terminate = || PostgresServer::shared().execute(name, terminate);
        assert_eq!(tokio::task::block_in_place(terminate), "1");
        // Once when the connection is lost, and once when the next one listens.
        for _ in 0..2 {
            receive(&mut receiver, |event| event == SessionEvent::Missed).await;
        }
        receive(&mut receiver, is_up_to_date).await;
        there.session_events().unwrap().health().unwrap();
        let session = log_in(&here, &alice, round).await.session.id;
        let one = SessionSelector::One { user: alice.id, session };
        drop(here.end_sessions(one, EndReason::Logout, &at(1)).await.unwrap());
        let ended =
            SessionEvent::SessionEnded { session, user: alice.id, reason: EndReason::Logout };
        receive(&mut receiver, |event| event == ended).await;
    }
}

/// Others may use the same database.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_have_feeds_of_their_own() {
    let url = PostgresServer::shared().create_database();
    let name = url.rsplit('/').next().unwrap();
    PostgresServer::shared().execute(name, "CREATE SCHEMA one; CREATE SCHEMA two");
    let open = async |schema: &str| {
        PostgresStore::open(&format!("{url}?options=-c%20search_path%3D{schema}"), audit_key())
            .await
            .unwrap()
    };
    let (one, two) = (open("one").await, open("two").await);
    let (mut in_one, mut in_two) = (subscribe(&one).await, subscribe(&two).await);
    let alice = create(&one, "alice").await;
    let session = log_in(&one, &alice, 1).await.session.id;
    let which = SessionSelector::One { user: alice.id, session };
    drop(one.end_sessions(which, EndReason::Logout, &at(1)).await.unwrap());
    let is_ended = |event| matches!(event, SessionEvent::SessionEnded { .. });
    receive(&mut in_one, is_ended).await;
    // The second one is that of the feed.
    receive(&mut in_one, is_ended).await;
    for _ in 0..2 {
        let before = receive(&mut in_two, is_up_to_date).await;
        assert_eq!(before, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishes_commits_of_disconnected_callers() {
    let [store] = nodes().await;
    subscribe(&store).await;
    ended_sessions_are_published(&store).await;
}
