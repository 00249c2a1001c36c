//! Ends of streams are recorded, once for each session and cause.

use std::time::Duration;

use kleidia_tower::account::TokenSet;
use kleidia_tower::audit::{AuditQuery, AuditRecord, EventKind, Outcome};
use kleidia_tower::{ClientInfo, UserId};

use crate::streams::{Subscription, fixture, layer, permitted, respond, watch};
use crate::support::Fixture;

fn here() -> ClientInfo {
    ClientInfo::default()
}

/// Waits until ends of streams are recorded, and returns all records of them, oldest first.
async fn recorded(fixture: &Fixture, count: usize) -> Vec<AuditRecord> {
    let kind = Some(EventKind::StreamEnded);
    let query = AuditQuery { kind, limit: usize::MAX, ..AuditQuery::default() };
    while fixture.accounts.audit(&query).await.unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // No further one waits.
    fixture.audit_records(EventKind::StreamEnded).await
}

fn reasons(records: &[AuditRecord]) -> Vec<&str> {
    records.iter().map(|record| record.reason.as_deref().unwrap()).collect()
}

async fn log_out(fixture: &Fixture, tokens: &TokenSet) {
    fixture.accounts.log_out(&tokens.session, here()).await.unwrap();
}

#[tokio::test]
async fn streams_of_a_session_are_one_record() {
    let (fixture, alice) = fixture().await;
    let other = fixture.log_in("alice").await;
    let _kept = Subscription::new(&fixture, &other).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(Subscription::new(&fixture, &alice).await);
    }
    log_out(&fixture, &alice).await;
    for stream in streams {
        stream.end().await;
    }
    let records = recorded(&fixture, 1).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.reason.as_deref(), Some("3 streams: session_ended"));
    assert_eq!(record.outcome, Outcome::Success);
    assert_eq!(record.session, Some(alice.session.session.id));
    let user = record.user.as_ref().unwrap();
    assert_eq!((user.id, user.name.as_str()), (Some(alice.session.account.id), "alice"));
    assert_eq!((&record.actor, &record.client), (&None, &here()));
}

/// The event ends the one that is open, and its check the one that is opened afterwards.
#[tokio::test]
async fn streams_that_end_in_turn_are_one_record() {
    let (fixture, alice) = fixture().await;
    let open = Subscription::new(&fixture, &alice).await;
    let late = watch(&fixture, &alice).await;
    log_out(&fixture, &alice).await;
    open.end().await;
    assert_eq!(late.ended().await.code(), "session_ended");
    assert_eq!(reasons(&recorded(&fixture, 1).await), ["2 streams: session_ended"]);
}

#[tokio::test]
async fn causes_have_records_of_their_own() {
    let (fixture, alice) = fixture().await;
    let user: UserId = alice.session.account.id;
    fixture.set_roles(user, &["auditor"]).await;
    let auditing = permitted(&fixture, &alice, "auditor").await;
    let other = Subscription::new(&fixture, &alice).await;
    fixture.set_roles(user, &[]).await;
    auditing.end().await;
    let records = recorded(&fixture, 1).await;
    assert_eq!(reasons(&records), ["1 stream: permission_denied"]);
    log_out(&fixture, &alice).await;
    other.end().await;
    let records = recorded(&fixture, 2).await;
    assert_eq!(reasons(&records), ["1 stream: permission_denied", "1 stream: session_ended"]);
}

#[tokio::test]
async fn each_node_records_its_own() {
    let (fixture, alice) = fixture().await;
    let other = fixture.other_node();
    let mut streams = vec![Subscription::new(&fixture, &alice).await];
    for _ in 0..2 {
        let response = respond(other.session_layer(), &alice).await;
        streams.push(Subscription::from_response(response).await);
    }
    log_out(&fixture, &alice).await;
    for stream in streams {
        stream.end().await;
    }
    let records = recorded(&fixture, 2).await;
    let mut reasons = reasons(&records);
    reasons.sort_unstable();
    assert_eq!(reasons, ["1 stream: session_ended", "2 streams: session_ended"]);
}

#[tokio::test]
async fn expiry_is_recorded() {
    let (fixture, alice) = fixture().await;
    let stream = Subscription::new(&fixture, &alice).await;
    fixture.advance_clock(3600);
    assert_eq!(stream.end().await.0, "session_expired");
    assert_eq!(reasons(&recorded(&fixture, 1).await), ["1 stream: session_expired"]);
}

#[tokio::test]
async fn only_rejections_are_recorded() {
    let (fixture, alice) = fixture().await;
    drop(Subscription::new(&fixture, &alice).await);
    let stream = Subscription::new(&fixture, &alice).await;
    fixture.accounts.shut_down_streams();
    assert_eq!(stream.end().await.0, "server_shutdown");
    // Rejected, and so no stream.
    respond(layer(&fixture), &alice).await;
    assert_eq!(recorded(&fixture, 0).await, []);
}
