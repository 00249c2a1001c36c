//! Refresh tokens: one successor under any concurrency.

use std::collections::HashSet;
use std::time::Duration;

use kleidia_tower::Rejection;
use kleidia_tower::account::{AccountError, AccountSettings};
use kleidia_tower::audit::EventKind;
use kleidia_tower::rbac::RoleName;
use secrecy::ExposeSecret as _;

use super::{PASSWORD, Service, at, code};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_get_one_successor() {
    let many = "1000000/1".parse().unwrap();
    let service = Service::with_settings(AccountSettings::default().with_refresh_limit(many)).await;
    let mut token = service.alice().await.refresh_token;
    for round in 0..50 {
        let tasks = (0..100).map(|_| {
            let (accounts, token) = (service.accounts.clone(), token.clone());
            tokio::spawn(async move { accounts.refresh(&token, at("192.0.2.1")).await })
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

#[tokio::test]
async fn login_ends_after_30_days_of_refreshes() {
    let service = Service::new().await;
    let mut tokens = service.alice().await;
    for day in 1..30 {
        service.advance_clock(24 * 3600);
        tokens = service.refresh(&tokens.refresh_token).await.unwrap();
        let expected = Duration::from_secs(24 * 3600 * (30 - day).min(7));
        assert_eq!(tokens.refresh_expires_in, expected, "day {day}");
    }
    service.advance_clock(24 * 3600 - 1);
    let last = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(last.expires_in, Duration::from_secs(1));
    service.advance_clock(1);
    assert_eq!(service.authenticate(&last.access_token).await, "token_expired");
    assert_eq!(code(service.refresh(&last.refresh_token).await), "refresh_invalid");
    let rejected = &service.records(Some(EventKind::TokenRefresh)).await[0];
    assert_eq!(rejected.reason.as_deref(), Some("login-expired"));
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn rejected_refresh_of_a_known_family_is_recorded() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let everywhere = service.accounts.log_out_everywhere(&alice.session, at("192.0.2.1"));
    everywhere.await.unwrap();
    let thief = service.accounts.refresh(&alice.refresh_token, at("198.51.100.7")).await;
    assert_eq!(code(thief), "refresh_invalid");
    let record = &service.records(Some(EventKind::TokenRefresh)).await[0];
    assert_eq!(record.outcome.as_str(), "failure");
    assert_eq!(record.reason.as_deref(), Some("token-revoked"));
    assert_eq!(record.client.address, "198.51.100.7".parse().ok());
    assert_eq!(record.session, Some(alice.session.session.id));
    let unknown = service.refresh(&"A".repeat(43).into()).await;
    assert_eq!(code(unknown), "refresh_invalid");
    assert_eq!(service.count(EventKind::TokenRefresh).await, 1, "an unknown token has no family");
}

#[tokio::test]
async fn reopened_session_has_a_session_token() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let extended = service.refresh(&alice.refresh_token).await.unwrap();
    assert!(extended.session_token.is_none(), "the session keeps its token");
    service.advance_clock(3600);
    let reopened = service.refresh(&extended.refresh_token).await.unwrap();
    // The response was lost, and the client tries again.
    let retried = service.refresh(&extended.refresh_token).await.unwrap();
    let authenticator = service.accounts.authenticator();
    for tokens in [reopened, retried] {
        let token = tokens.session_token.unwrap();
        let view = authenticator.authenticate_session_token(token.expose_secret()).await.unwrap();
        assert_eq!(view.session.id, tokens.session.session.id);
        assert_ne!(token.expose_secret(), tokens.refresh_token.expose_secret());
    }
}

/// Otherwise a thief that refreshes in a loop could keep the owner from revoking the family.
#[tokio::test]
async fn limit_of_refreshes_lets_reuse_and_retries_pass() {
    let limit = "2/3600".parse().unwrap();
    let service =
        Service::with_settings(AccountSettings::default().with_refresh_limit(limit)).await;
    let alice = service.alice().await;
    let stolen = service.refresh(&alice.refresh_token).await.unwrap();
    let last = service.refresh(&stolen.refresh_token).await.unwrap();
    assert_eq!(code(service.refresh(&last.refresh_token).await), "rate_limited");
    for expected in ["ok", "ok", "rate_limited"] {
        assert_eq!(code(service.refresh(&stolen.refresh_token).await), expected);
    }
    service.advance_clock(60);
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "refresh_reused");
    assert_eq!(code(service.refresh(&last.refresh_token).await), "refresh_invalid");
}

/// Each refresh has a record, so a loop would fill the disk.
#[tokio::test]
async fn refreshes_of_an_account_are_limited() {
    let limit = "3/3600".parse().unwrap();
    let service =
        Service::with_settings(AccountSettings::default().with_refresh_limit(limit)).await;
    let [mut one, other] = [service.alice().await, service.alice().await];
    for _ in 0..3 {
        one = service.refresh(&one.refresh_token).await.unwrap();
    }
    // All sessions of the account share the limit, and a retry counts too.
    for tokens in [&one, &other, &one] {
        let limited = service.refresh(&tokens.refresh_token).await.unwrap_err();
        let AccountError::TooManyRefreshes { retry_after } = &limited else { panic!("{limited}") };
        assert!(*retry_after <= Duration::from_secs(1200), "{retry_after:?}");
        assert_eq!(Rejection::from(limited).code(), "rate_limited");
        assert_eq!(service.authenticate(&tokens.access_token).await, "ok", "nothing is revoked");
    }
    service.accounts.flush().await;
    let records = service.records(Some(EventKind::TokenRefresh)).await;
    let limited = records.iter().filter(|record| record.reason.as_deref() == Some("rate-limited"));
    assert_eq!((records.len(), limited.count()), (6, 3));
    // Other accounts have limits of their own, and tokens that nobody has count for none.
    let roles = [RoleName::user()].into();
    let bob = service.accounts.create_user(None, "bob", PASSWORD.into(), roles, at("192.0.2.1"));
    bob.await.unwrap();
    let bob = service.log_in("bob", PASSWORD, "192.0.2.1").await.unwrap();
    assert_eq!(code(service.refresh(&"A".repeat(43).into()).await), "refresh_invalid");
    service.refresh(&bob.refresh_token).await.unwrap();
}
