//! The order of checks: signature, expiry, session, account.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::access_token::{Claims, KeyRing, SigningKey, issue};
use kleidia_tower::account::{AccountSettings, AccountUpdate};
use kleidia_tower::session::SessionAuthenticator;
use kleidia_tower::store::{ChangeContext, Store};
use kleidia_tower::{ClientInfo, SessionId, Timestamp, UserId};
use secrecy::ExposeSecret as _;

use super::{NOW, Service, code, operator};

const SECRET: [u8; 32] = [7; 32];

fn keys(name: &str) -> KeyRing {
    KeyRing::new([SigningKey::new(name, SECRET.to_vec()).unwrap()]).unwrap()
}

/// The claims of a token, whose session is a new one by default.
struct Changed {
    user: UserId,
    session: Option<SessionId>,
    is_admin: bool,
}

/// Authenticates with a token that has these claims, and returns the code.
async fn authenticate_with(service: &Service, changed: Changed) -> &'static str {
    let view = service.alice().await.session;
    let session = changed.session.unwrap_or(view.session.id);
    let (name, ttl) = (view.account.name.to_string(), Duration::from_secs(600));
    let claims = Claims::new(changed.user, name, changed.is_admin, session, NOW, ttl).unwrap();
    service.authenticate(&issue(&keys("key"), claims).unwrap().token).await
}

async fn service(settings: AccountSettings) -> Service {
    Service::with_keys(keys("key"), settings).await
}

#[tokio::test]
async fn token_must_match_its_session() {
    let service = service(AccountSettings::default()).await;
    let roles = [].into();
    let bob = service.accounts.create_user(None, "bob", "a password".into(), roles, super::at(""));
    let bob = bob.await.unwrap().id;
    let unchanged = || Changed { user: service.alice.id, session: None, is_admin: false };
    // A session of another user, an unknown session, and `is_admin`, which is only a hint.
    for (changed, expected) in [
        (unchanged(), "ok"),
        (Changed { user: bob, ..unchanged() }, "session_expired"),
        (Changed { session: Some(SessionId::new(99)), ..unchanged() }, "session_expired"),
        (Changed { is_admin: true, ..unchanged() }, "ok"),
    ] {
        assert_eq!(authenticate_with(&service, changed).await, expected);
    }
}

#[tokio::test]
async fn reports_the_first_failed_check() {
    let service = service(AccountSettings::default()).await;
    let alice = service.alice().await;
    let disable = async |at: Timestamp| {
        let change = ChangeContext { at, client: ClientInfo::default(), actor: None };
        let update = AccountUpdate { is_disabled: Some(true), roles: None };
        let store = service.accounts.store();
        drop(store.update_account(service.alice.id, update, &operator(), &change).await.unwrap());
    };
    service.accounts.log_out(&alice.session, ClientInfo::default()).await.unwrap();
    assert_eq!(service.authenticate(&alice.access_token).await, "session_expired");
    let other = service.alice().await;
    disable(NOW).await;
    // The first session ended before, and the other one by disabling the account.
    assert_eq!(service.authenticate(&alice.access_token).await, "session_expired");
    assert_eq!(service.authenticate(&other.access_token).await, "account_disabled");
    service.advance_clock(1800);
    assert_eq!(service.authenticate(&alice.access_token).await, "token_expired");
    assert_eq!(service.authenticate(&other.access_token).await, "token_expired");
    let store: Arc<dyn Store> = Arc::clone(service.accounts.store());
    let other_node = SessionAuthenticator::new(store, Arc::new(keys("other")));
    let known = other_node.authenticate(other.access_token.expose_secret()).await;
    assert_eq!(code(known), "token_invalid");
}

#[tokio::test]
async fn leeway_extends_expiry() {
    let settings = AccountSettings::default().with_leeway(Duration::from_secs(60)).unwrap();
    let service = service(settings).await;
    let alice = service.alice().await;
    service.advance_clock(1859);
    assert_eq!(service.authenticate(&alice.access_token).await, "ok");
    service.advance_clock(1);
    assert_eq!(service.authenticate(&alice.access_token).await, "token_expired");
}
