//! Refresh tokens: one successor under any concurrency.

use std::collections::HashSet;
use std::time::Duration;

use kleidia_tower::account::AccountSettings;
use kleidia_tower::audit::EventKind;
use secrecy::ExposeSecret as _;

use super::{Service, code};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_get_one_successor() {
    let service = Service::new().await;
    let mut token = service.alice().await.refresh_token;
    for round in 0..50 {
        let tasks = (0..100).map(|_| {
            let (accounts, token) = (service.accounts.clone(), token.clone());
            tokio::spawn(async move { accounts.refresh(&token, super::at("192.0.2.1")).await })
        });
        let mut successors = HashSet::new();
        for task in tasks.collect::<Vec<_>>() {
            let refreshed = task.await.unwrap().unwrap();
            successors.insert(refreshed.refresh_token.expose_secret().to_owned());
            assert_eq!(service.authenticate(&refreshed.access_token).await, "ok");
        }
        assert_eq!(successors.len(), 1, "round {round}");
        token = successors.into_iter().next().unwrap().into();
    }
}

#[tokio::test]
async fn reuse_after_grace_period_revokes_token_family() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let refreshed = service.refresh(&alice.refresh_token).await.unwrap();
    service.advance_clock(9);
    let retried = service.refresh(&alice.refresh_token).await.unwrap();
    assert_eq!(retried.refresh_token.expose_secret(), refreshed.refresh_token.expose_secret());
    service.advance_clock(1);
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "refresh_reused");
    assert_eq!(code(service.refresh(&refreshed.refresh_token).await), "refresh_invalid");
    assert_eq!(service.authenticate(&refreshed.access_token).await, "session_expired");
    assert_eq!(service.count(EventKind::TokenReuse).await, 1);
}

#[tokio::test]
async fn refresh_replaces_expired_session() {
    let service = Service::new().await;
    let alice = service.alice().await;
    service.advance_clock(3600);
    let refreshed = service.refresh(&alice.refresh_token).await.unwrap();
    assert_ne!(refreshed.session.session.id, alice.session.session.id);
    let (before, after) = (&alice.session.session, &refreshed.session.session);
    assert_eq!(after.authenticated_at, before.authenticated_at);
    assert_eq!(after.created_at, before.created_at + Duration::from_secs(3600));
    service.advance_clock(7 * 24 * 3600);
    assert_eq!(code(service.refresh(&refreshed.refresh_token).await), "refresh_invalid");
}

#[tokio::test]
async fn zero_grace_treats_every_second_use_as_reuse() {
    let settings = AccountSettings::default().with_refresh_grace(Duration::ZERO).unwrap();
    let service = Service::with_settings(settings).await;
    let alice = service.alice().await;
    let refreshed = service.refresh(&alice.refresh_token).await.unwrap();
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "refresh_reused");
    assert_eq!(service.authenticate(&refreshed.access_token).await, "session_expired");
}
