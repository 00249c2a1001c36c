//! Passkeys: enrolment, step-up, and attacks on their ceremonies.

#[path = "../support/authenticator.rs"]
mod authenticator;

use authenticator::Authenticator;
use kleidia_tower::account::{
    AccountError, FactorLabel, FactorSettings, FactorSummary, PasskeyCeremony, PasskeySettings,
    PresentedFactor,
};
use kleidia_tower::audit::EventKind;
use kleidia_tower::session::SessionView;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{PASSWORD, Service, at, code};

const ORIGIN: &str = "https://portal.example.com";

impl Service {
    async fn with_passkeys() -> Self {
        let mut service = Self::new().await;
        let passkeys = PasskeySettings::new("example.com", ORIGIN).unwrap();
        let settings = FactorSettings::default().with_passkeys(passkeys);
        service.accounts = service.accounts.with_factor_settings(settings);
        service
    }

    async fn enrol_passkey(
        &self,
        view: &SessionView,
        authenticator: &mut Authenticator,
    ) -> Result<FactorSummary, AccountError> {
        let begun = self.accounts.enrol_passkey(view, at("192.0.2.1")).await?;
        let credential = authenticator.create(&begun.options);
        self.confirm(view, &begun, &credential).await
    }

    async fn confirm(
        &self,
        view: &SessionView,
        begun: &PasskeyCeremony,
        credential: &Value,
    ) -> Result<FactorSummary, AccountError> {
        let (label, here) = (FactorLabel::default(), at("192.0.2.1"));
        self.accounts.confirm_passkey(view, &begun.ceremony, credential, label, here).await
    }

    async fn begin(&self, view: &SessionView) -> PasskeyCeremony {
        self.accounts.begin_passkey_step_up(view).await.unwrap()
    }

    async fn answer(
        &self,
        view: &SessionView,
        ceremony: &SecretString,
        credential: &Value,
    ) -> Result<SessionView, AccountError> {
        let (ceremony, credential) = (ceremony.clone(), credential.clone());
        let presented = PresentedFactor::Passkey { ceremony, credential };
        self.accounts.step_up(view, presented, at("192.0.2.1")).await
    }

    /// Steps up by a new challenge, and returns `ok` or the code of the rejection.
    async fn use_passkey(&self, view: &SessionView, key: &mut Authenticator) -> &'static str {
        let begun = self.begin(view).await;
        code(self.answer(view, &begun.ceremony, &key.get(&begun.options)).await)
    }

    /// Opens a session of another user.
    async fn bob(&self) -> SessionView {
        self.accounts.ensure_admin("bob", PASSWORD.into()).await.unwrap();
        self.log_in("bob", PASSWORD, "192.0.2.1").await.unwrap().session
    }
}

#[tokio::test]
async fn passkey_is_a_second_factor() {
    let service = Service::with_passkeys().await;
    let first = service.alice().await.session;
    let mut key = Authenticator::new(b"key");
    service.enrol_passkey(&first, &mut key).await.unwrap();
    let again = service.log_in("alice", PASSWORD, "192.0.2.1").await.unwrap().session;
    let begun = service.begin(&again).await;
    let allowed = &begun.options["publicKey"]["allowCredentials"];
    assert_eq!(allowed, &json!([{"type": "public-key", "id": "a2V5"}]));
    assert_eq!(begun.options["publicKey"]["userVerification"], "required");
    service.advance_clock(7);
    let answered = service.answer(&again, &begun.ceremony, &key.get(&begun.options)).await.unwrap();
    assert_eq!(answered.session.methods.to_string(), "pwd hwk user mfa");
    assert_eq!(answered.session.authenticated_at, super::later(7));
    assert_eq!(service.count(EventKind::FactorUsed).await, 1);
    // A key that can be copied to other devices is one in software.
    let mut synchronised = Authenticator::new(b"synchronised");
    synchronised.is_backup_eligible = true;
    service.enrol_passkey(&answered, &mut synchronised).await.unwrap();
    let other = service.alice().await.session;
    let begun = service.begin(&other).await;
    let answered = service.answer(&other, &begun.ceremony, &synchronised.get(&begun.options)).await;
    assert_eq!(answered.unwrap().session.methods.to_string(), "pwd swk user mfa");
}

#[tokio::test]
async fn enrolment_rejects_other_origins_challenges_and_sessions() {
    let service = Service::with_passkeys().await;
    let alice = service.alice().await.session;
    let enrol = async || service.accounts.enrol_passkey(&alice, at("192.0.2.1")).await.unwrap();
    let mut phished = Authenticator::new(b"phished");
    phished.origin = "https://portal.example.org".to_owned();
    assert_eq!(code(service.enrol_passkey(&alice, &mut phished).await), "factor_rejected");
    let mut unverified = Authenticator::new(b"unverified");
    unverified.verifies_user = false;
    assert_eq!(code(service.enrol_passkey(&alice, &mut unverified).await), "factor_rejected");
    let (mut key, other, begun) = (Authenticator::new(b"key"), enrol().await, enrol().await);
    let credential = key.create(&other.options);
    assert_eq!(code(service.confirm(&alice, &begun, &credential).await), "factor_rejected");
    // The failure has ended the ceremony.
    let credential = key.create(&begun.options);
    assert_eq!(code(service.confirm(&alice, &begun, &credential).await), "ceremony_expired");
    let (begun, session) = (enrol().await, service.alice().await.session);
    let credential = key.create(&begun.options);
    assert_eq!(code(service.confirm(&session, &begun, &credential).await), "ceremony_expired");
    let bob = service.bob().await;
    assert_eq!(code(service.confirm(&bob, &begun, &credential).await), "ceremony_expired");
    assert_eq!(code(service.confirm(&alice, &begun, &credential).await), "ok");
    // The credential is one account's.
    assert_eq!(code(service.enrol_passkey(&bob, &mut key).await), "factor_exists");
    assert_eq!(service.accounts.factors(service.alice.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn step_up_rejects_replays_and_other_origins_users_and_sessions() {
    let service = Service::with_passkeys().await;
    let (alice, bob) = (service.alice().await.session, service.bob().await);
    let (mut key, mut his) = (Authenticator::new(b"key"), Authenticator::new(b"his"));
    service.enrol_passkey(&alice, &mut key).await.unwrap();
    service.enrol_passkey(&bob, &mut his).await.unwrap();
    let session = service.alice().await.session;
    let begun = service.begin(&session).await;
    let credential = key.get(&begun.options);
    // A challenge of another session or user.
    for other in [&alice, &bob] {
        let answered = service.answer(other, &begun.ceremony, &credential).await;
        assert_eq!(code(answered), "ceremony_expired");
    }
    assert_eq!(code(service.answer(&session, &begun.ceremony, &credential).await), "ok");
    // A replay, of the ceremony and of the challenge.
    let replayed = service.answer(&session, &begun.ceremony, &credential).await;
    assert_eq!(code(replayed), "ceremony_expired");
    let next = service.begin(&session).await;
    let replayed = service.answer(&session, &next.ceremony, &credential).await;
    assert_eq!(code(replayed), "factor_rejected");
    // The passkey of another user, also under the name of one of the own.
    assert_eq!(service.use_passkey(&session, &mut his).await, "factor_rejected");
    his.id = b"key".to_vec();
    assert_eq!(service.use_passkey(&session, &mut his).await, "factor_rejected");
    let handle = std::mem::replace(&mut key.user_handle, his.user_handle.clone());
    assert_eq!(service.use_passkey(&session, &mut key).await, "factor_rejected");
    service.accounts.unlock_by_name("alice").await.unwrap();
    key.user_handle = handle;
    key.origin = "https://portal.example.org".to_owned();
    assert_eq!(service.use_passkey(&session, &mut key).await, "factor_rejected");
    key.origin = ORIGIN.to_owned();
    key.verifies_user = false;
    assert_eq!(service.use_passkey(&session, &mut key).await, "factor_rejected");
    key.verifies_user = true;
    let begun = service.begin(&session).await;
    service.advance_clock(300);
    let late = service.answer(&session, &begun.ceremony, &key.get(&begun.options)).await;
    assert_eq!(code(late), "ceremony_expired");
    assert_eq!(service.use_passkey(&session, &mut key).await, "ok");
}

#[tokio::test]
async fn counter_that_has_gone_back_is_rejected_and_recorded() {
    let service = Service::with_passkeys().await;
    let alice = service.alice().await.session;
    let mut key = Authenticator::new(b"key");
    service.enrol_passkey(&alice, &mut key).await.unwrap();
    key.counter = 10;
    assert_eq!(service.use_passkey(&alice, &mut key).await, "ok");
    for counter in [9, 10] {
        // The authenticator counts up before it signs.
        key.counter = counter;
        let expected = if counter == 9 { 10 } else { 11 };
        let begun = service.begin(&alice).await;
        let credential = key.get(&begun.options);
        assert_eq!(key.counter, expected);
        let answered = service.answer(&alice, &begun.ceremony, &credential).await;
        assert_eq!(code(answered), "factor_rejected", "{counter}");
    }
    let failed = service.records(Some(EventKind::FactorFailed)).await;
    let is_clone = |reason: &Option<String>| reason.as_deref() == Some("cloned-passkey");
    assert_eq!(failed.iter().filter(|record| is_clone(&record.reason)).count(), 2, "{failed:?}");
    // The one with the higher counter is accepted.
    key.counter = 11;
    assert_eq!(service.use_passkey(&alice, &mut key).await, "ok");
}

#[tokio::test]
async fn failures_lock_the_second_factors() {
    let service = Service::with_passkeys().await;
    let alice = service.alice().await.session;
    let (mut key, mut other) = (Authenticator::new(b"key"), Authenticator::new(b"key"));
    service.enrol_passkey(&alice, &mut key).await.unwrap();
    for _ in 0..5 {
        assert_eq!(service.use_passkey(&alice, &mut other).await, "factor_rejected");
    }
    assert_eq!(service.use_passkey(&alice, &mut key).await, "factor_rejected", "locked");
    service.advance_clock(90);
    assert_eq!(service.use_passkey(&alice, &mut key).await, "ok");
}

#[tokio::test]
async fn number_is_bounded_and_settings_are_needed() {
    let mut service = Service::new().await;
    let alice = service.alice().await.session;
    let unsupported = service.accounts.enrol_passkey(&alice, at("192.0.2.1")).await;
    assert!(matches!(unsupported, Err(AccountError::PasskeysUnsupported)));
    let passkeys = PasskeySettings::new("example.com", ORIGIN).unwrap();
    let settings = FactorSettings::default().with_passkeys(passkeys).with_max_factors(1).unwrap();
    service.accounts = service.accounts.with_factor_settings(settings);
    service.enrol_passkey(&alice, &mut Authenticator::new(b"1")).await.unwrap();
    let view = service.alice().await.session;
    assert_eq!(service.accounts.factors(view.account.id).await.unwrap().len(), 1);
    let second = service.enrol_passkey(&alice, &mut Authenticator::new(b"2")).await;
    assert_eq!(code(second), "too_many_factors");
    for (id, origin) in [("example.com", "https://example.org"), ("example.com", "portal")] {
        assert!(PasskeySettings::new(id, origin).is_err(), "{id} {origin}");
    }
}
