//! Sessions: lifetimes, and which operations list and end them.

use std::time::Duration;

use kleidia_tower::account::{AccountSettings, NewAccount, PasswordHash, TokenSet};
use kleidia_tower::agent::AgentKey;
use kleidia_tower::audit::EventKind;
use kleidia_tower::rbac::{Policy, RoleRules};
use kleidia_tower::session::SessionLookup;
use kleidia_tower::store::ChangeContext;
use kleidia_tower::{ClientInfo, SessionId};

use secrecy::ExposeSecret as _;

use super::{NOW, PASSWORD, Service, code, later};

/// Creates a second account, and opens a session of it.
async fn log_in_bob(service: &Service) -> TokenSet {
    let (password, client) = (PASSWORD.into(), ClientInfo::default());
    service.accounts.create_user(None, "bob", password, [].into(), client).await.unwrap();
    service.log_in("bob", PASSWORD, "192.0.2.3").await.unwrap()
}

/// Creates accounts that nobody can log in to.
async fn create_accounts(service: &Service, count: u32) {
    let rules = RoleRules::for_operator(Policy::default());
    let change = ChangeContext { at: NOW, client: ClientInfo::default(), actor: None };
    for number in 0..count {
        let name = format!("user{number}").parse().unwrap();
        let password = PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$".to_owned());
        let new = NewAccount::new(name, [].into(), password);
        let created = service.accounts.store().create_account(new, &rules, &change).await;
        created.unwrap().value.unwrap();
    }
}

#[tokio::test]
async fn operator_ends_all_sessions_of_all_users() {
    let service = Service::new().await;
    let mut sessions = vec![service.alice().await, service.alice().await];
    // More than are listed at a time.
    create_accounts(&service, 250).await;
    sessions.push(log_in_bob(&service).await);
    assert_eq!(service.accounts.end_all_sessions().await.unwrap(), 3);
    assert_eq!(service.count(EventKind::SessionEnded).await, 3);
    for tokens in &sessions {
        assert_eq!(service.authenticate(&tokens.access_token).await, "session_expired");
        assert_eq!(code(service.refresh(&tokens.refresh_token).await), "refresh_invalid");
    }
    assert_eq!(service.accounts.end_all_sessions().await.unwrap(), 0);
}

#[tokio::test]
async fn access_token_expires_no_later_than_its_session() {
    let settings = AccountSettings::default().with_session_ttl(Duration::from_secs(600)).unwrap();
    let service = Service::with_settings(settings).await;
    let alice = service.alice().await;
    assert_eq!(
        (alice.expires_in.as_secs(), alice.refresh_expires_in.as_secs()),
        (600, 7 * 24 * 3600)
    );
    service.advance_clock(599);
    assert_eq!(service.authenticate(&alice.access_token).await, "ok");
    service.advance_clock(1);
    assert_eq!(service.authenticate(&alice.access_token).await, "token_expired");
}

#[tokio::test]
async fn rejects_token_of_expired_session() {
    let service = Service::new().await;
    let alice = service.alice().await;
    service.advance_clock(1000);
    let refreshed = service.refresh(&alice.refresh_token).await.unwrap();
    assert_eq!(refreshed.session.session.id, alice.session.session.id);
    assert_eq!(refreshed.session.session.expires_at, later(1000 + 3600));
    service.advance_clock(1799);
    assert_eq!(service.authenticate(&refreshed.access_token).await, "ok");
    service.advance_clock(1);
    assert_eq!(service.authenticate(&refreshed.access_token).await, "token_expired");
}

#[tokio::test]
async fn users_list_and_end_only_their_own_sessions() {
    let service = Service::new().await;
    let bob = log_in_bob(&service).await;
    let (first, second) = (service.alice().await, service.alice().await);
    let seen = service.accounts.sessions(service.alice.id).await.unwrap();
    let (one, two) = (first.session.session.id, second.session.session.id);
    assert_eq!(seen.iter().map(|session| session.id).collect::<Vec<_>>(), [two, one]);

    let end =
        async |view, id| code(service.accounts.end_session(view, id, ClientInfo::default()).await);
    assert_eq!(end(&bob.session, one).await, "not_found");
    assert_eq!(end(&first.session, bob.session.session.id).await, "not_found");
    assert_eq!(end(&first.session, SessionId::new(99)).await, "not_found");
    assert_eq!(service.authenticate(&first.access_token).await, "ok");
    assert_eq!(end(&second.session, one).await, "ok");
    assert_eq!(end(&second.session, one).await, "not_found");
    assert_eq!(service.authenticate(&first.access_token).await, "session_expired");
    assert_eq!(code(service.refresh(&first.refresh_token).await), "refresh_invalid");
    assert_eq!(service.authenticate(&second.access_token).await, "ok");
    assert_eq!(service.authenticate(&bob.access_token).await, "ok");
    let ended = service.records(Some(EventKind::SessionEnded)).await;
    assert_eq!(ended[0].reason.as_deref(), Some("revoked"));
}

#[tokio::test]
async fn logout_everywhere_ends_all_sessions() {
    let service = Service::new().await;
    let alice = [service.alice().await, service.alice().await, service.alice().await];
    let everywhere = service.accounts.log_out_everywhere(&alice[0].session, ClientInfo::default());
    everywhere.await.unwrap();
    for tokens in &alice {
        assert_eq!(service.authenticate(&tokens.access_token).await, "session_expired");
        assert_eq!(code(service.refresh(&tokens.refresh_token).await), "refresh_invalid");
    }
    assert!(service.accounts.sessions(service.alice.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn logout_everywhere_revokes_tokens_of_expired_sessions() {
    let service = Service::new().await;
    let expired = service.alice().await;
    service.advance_clock(3600);
    let alice = service.alice().await;
    let everywhere = service.accounts.log_out_everywhere(&alice.session, ClientInfo::default());
    everywhere.await.unwrap();
    assert_eq!(code(service.refresh(&expired.refresh_token).await), "refresh_invalid");
}

#[tokio::test]
async fn only_the_owner_binds_an_agent_to_a_session() {
    let service = Service::new().await;
    let bob = log_in_bob(&service).await;
    let alice = service.alice().await;
    let id = alice.session.session.id;
    let register = async |view, key: &AgentKey| {
        let key = key.public_key();
        code(service.accounts.register_agent(view, id, key, ClientInfo::default()).await)
    };
    let key = async || {
        let found = service.accounts.store().session(SessionLookup::Id(id)).await.unwrap();
        found.unwrap().session.agent_key.clone()
    };
    let agents = [AgentKey::generate().await.unwrap(), AgentKey::generate().await.unwrap()];
    assert_eq!(register(&bob.session, &agents[0]).await, "not_found");
    assert_eq!(key().await, None);
    // The second key is that of a restarted agent.
    for agent in &agents {
        assert_eq!(register(&alice.session, agent).await, "ok");
        assert_eq!(key().await, Some(agent.public_key().to_pem()));
    }
    service.accounts.log_out(&alice.session, ClientInfo::default()).await.unwrap();
    assert_eq!(key().await, None);
    assert_eq!(register(&alice.session, &agents[0]).await, "not_found");
    assert_eq!(service.count(EventKind::AgentRegistered).await, 2);
}

#[tokio::test]
async fn last_seen_at_is_updated_once_a_minute() {
    let updates = [(59, 0), (1, 60), (59, 60), (2, 121)];
    assert_updates_last_seen_at(AccountSettings::default(), updates).await;
}

#[tokio::test]
async fn respects_configured_touch_interval() {
    let interval = |seconds| Duration::from_secs(seconds);
    let settings = AccountSettings::default();
    assert!(settings.clone().with_last_seen_interval(Duration::ZERO).is_err());
    assert!(settings.clone().with_last_seen_interval(interval(24 * 3600 + 1)).is_err());
    let settings = settings.with_last_seen_interval(interval(10)).unwrap();
    assert_updates_last_seen_at(settings, [(9, 0), (1, 10), (9, 10), (2, 21)]).await;
}

/// Sends requests after these seconds, and compares the updates since the login.
async fn assert_updates_last_seen_at(settings: AccountSettings, updates: [(i64, i64); 4]) {
    let service = Service::with_settings(settings).await;
    let alice = service.alice().await;
    let seen = async || {
        let id = alice.session.session.id;
        let found = service.accounts.store().session(SessionLookup::Id(id)).await.unwrap();
        found.unwrap().session.last_seen_at.duration_since(NOW).as_secs()
    };
    for (seconds, expected) in updates {
        service.advance_clock(seconds);
        let authenticator = service.accounts.authenticator();
        let token = alice.access_token.expose_secret();
        assert!(authenticator.authenticate(token).await.is_ok());
        authenticator.flush().await;
        assert_eq!(seen().await, expected);
    }
}

#[tokio::test]
async fn further_login_ends_the_oldest_session() {
    let settings = AccountSettings::default().with_max_sessions(3).unwrap();
    let service = Service::with_settings(settings).await;
    let sessions = [service.alice().await, service.alice().await, service.alice().await];
    let [first, second, third] = &sessions;
    assert_eq!(service.authenticate(&first.access_token).await, "ok");
    let fourth = service.alice().await;
    assert_eq!(service.authenticate(&first.access_token).await, "session_expired");
    assert_eq!(code(service.refresh(&first.refresh_token).await), "refresh_invalid");
    for tokens in [second, third, &fourth] {
        assert_eq!(service.authenticate(&tokens.access_token).await, "ok");
    }
    let ended = service.records(Some(EventKind::SessionEnded)).await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].session, Some(first.session.session.id));
    assert_eq!(ended[0].reason.as_deref(), Some("session-limit"));
    for max in [0, 1001] {
        assert!(AccountSettings::default().with_max_sessions(max).is_err());
    }
}

#[tokio::test]
async fn has_at_most_100_sessions_by_default() {
    let service = Service::new().await;
    let first = service.alice().await;
    for _ in 0..100 {
        service.alice().await;
    }
    assert_eq!(service.accounts.sessions(service.alice.id).await.unwrap().len(), 100);
    assert_eq!(service.authenticate(&first.access_token).await, "session_expired");
}

#[tokio::test]
async fn shorter_login_applies_to_open_sessions() {
    let mut service = Service::new().await;
    let alice = service.alice().await;
    let half_an_hour = Duration::from_secs(1800);
    let settings = AccountSettings::default().with_login_ttl(half_an_hour).unwrap();
    service.accounts = service.accounts.clone().with_settings(settings);
    service.advance_clock(1799);
    assert_eq!(service.authenticate(&alice.access_token).await, "ok");
    let refreshed = service.refresh(&alice.refresh_token).await.unwrap();
    service.advance_clock(1);
    assert_eq!(service.authenticate(&refreshed.access_token).await, "session_expired");
    let token = alice.session_token.unwrap();
    let authenticator = service.accounts.authenticator();
    let found = authenticator.authenticate_session_token(token.expose_secret()).await;
    assert_eq!(code(found), "session_expired");
    assert_eq!(code(service.refresh(&refreshed.refresh_token).await), "refresh_invalid");
}
