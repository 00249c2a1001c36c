//! Sinks of the audit log: they receive every record, and no request waits for them.

use std::sync::mpsc::{Receiver, Sender, channel};

use kleidia_tower::HealthError;
use kleidia_tower::audit::{AuditRecord, AuditSink, AuditSinks, TracingSink};

use super::{PASSWORD, Service, code};

/// Forwards records, each after it received a permit.
struct Slow {
    permits: Option<Receiver<()>>,
    records: Sender<AuditRecord>,
}

impl AuditSink for Slow {
    fn record(&mut self, record: &AuditRecord) {
        if let Some(permits) = &self.permits {
            permits.recv().unwrap();
        }
        self.records.send(record.clone()).unwrap();
    }
}

struct Broken;

impl AuditSink for Broken {
    fn record(&mut self, _: &AuditRecord) {
        panic!("sink failed");
    }
}

async fn with_sinks(sinks: &AuditSinks) -> Service {
    let mut service = Service::new().await;
    service.accounts = service.accounts.clone().with_audit_sinks(sinks.clone());
    service
}

#[tokio::test]
async fn sinks_receive_every_record_in_order() {
    let (records, received) = channel();
    let sinks: [Box<dyn AuditSink>; 2] =
        [Box::new(TracingSink), Box::new(Slow { permits: None, records })];
    let sinks = AuditSinks::new(sinks.into(), AuditSinks::DEFAULT_QUEUE_LIMIT).unwrap();
    let service = with_sinks(&sinks).await;
    let before = service.records(None).await.len();
    let alice = service.alice().await;
    let refreshed = service.refresh(&alice.refresh_token).await.unwrap();
    for name in ["alice", "nobody", "not\u{200b}a name"] {
        for _ in 0..6 {
            let rejected = service.log_in(name, "wrong", "192.0.2.7").await;
            assert_eq!(code(rejected), "invalid_credentials");
        }
    }
    let (current, new) = (PASSWORD.into(), "a password that is new".into());
    let changed =
        service.accounts.change_password(&refreshed.session, current, new, super::at("192.0.2.1"));
    changed.await.unwrap();
    service.accounts.log_out(&refreshed.session, super::at("")).await.unwrap();
    sinks.close();
    let mut stored = service.records(None).await;
    stored.reverse();
    assert_eq!(received.iter().collect::<Vec<_>>(), stored[before..]);
    assert_eq!(sinks.dropped(), 0);
}

#[test]
fn rejects_limits_of_the_queue_out_of_bounds() {
    for invalid in [0, 1_000_001, usize::MAX] {
        let error = AuditSinks::new(Vec::new(), invalid).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn full_queue_counts_dropped_records_without_waiting() {
    let ((records, received), (add_permit, permits)) = (channel(), channel());
    let slow = Slow { permits: Some(permits), records };
    let sinks = AuditSinks::new(vec![Box::new(slow)], 4).unwrap();
    let service = with_sinks(&sinks).await;
    // The sink processes none of these 20 records before all of them are in the store.
    for _ in 0..10 {
        service.alice().await;
    }
    let dropped = usize::try_from(sinks.dropped()).unwrap();
    assert_eq!(sinks.health(), Err(HealthError::Failed("queue full".to_owned())));
    // 4 are queued, and the sink may have one.
    assert!((15..=16).contains(&dropped), "{dropped}");
    for _ in 0..20 {
        add_permit.send(()).unwrap();
    }
    // No further record is needed.
    let mut processed = 0;
    while sinks.health().is_err() {
        processed += usize::from(received.recv().is_ok());
    }
    sinks.close();
    assert_eq!(sinks.health(), Err(HealthError::Stopped));
    assert_eq!(processed + received.iter().count() + dropped, 20);
    assert_eq!(service.records(None).await.len(), 1 + 20);
}

#[tokio::test]
async fn panicking_sink_does_not_affect_others() {
    let (records, received) = channel();
    let sinks: [Box<dyn AuditSink>; 2] =
        [Box::new(Broken), Box::new(Slow { permits: None, records })];
    let sinks = AuditSinks::new(sinks.into(), AuditSinks::DEFAULT_QUEUE_LIMIT).unwrap();
    let service = with_sinks(&sinks).await;
    for _ in 0..10 {
        service.alice().await;
    }
    sinks.close();
    assert_eq!(received.iter().count(), 20);
    assert_eq!(sinks.dropped(), 20);
    // The sink has stopped, so further records are dropped.
    service.alice().await;
    assert_eq!(sinks.dropped(), 22);
}
