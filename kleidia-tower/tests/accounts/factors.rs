//! Factors: enrolment, step-up, guesses, replays and removal.

use std::time::Duration;

use kleidia_tower::account::{
    AccountError, FactorKey, FactorKind, FactorLabel, FactorSettings, PresentedFactor, TokenSet,
};
use kleidia_tower::audit::EventKind;
use kleidia_tower::rbac::StepUp;
use kleidia_tower::session::{AuthMethod, SessionView};
use kleidia_tower::{ClientInfo, Principal};
use secrecy::ExposeSecret;
use totp_rs::{Builder, Secret, Totp};

use super::{PASSWORD, Service, at, code};

/// An authenticator app.
struct App(Totp);

impl App {
    fn new(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).unwrap();
        Self(Builder::new().with_secret(secret).build().unwrap())
    }

    fn code(&self, time: i64) -> String {
        self.0.generate(u64::try_from(time).unwrap()).to_string()
    }
}

impl Service {
    fn now(&self) -> i64 {
        self.clock.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Enrols an app in a session.
    async fn enrol(&self, view: &SessionView) -> App {
        let (accounts, here) = (&self.accounts, at("192.0.2.1"));
        let enrolment = accounts.enrol_totp(view, here.clone()).await.unwrap();
        let app = App::new(enrolment.secret.expose_secret());
        let code = app.code(self.now()).into();
        let (enrolment, label) = (enrolment.enrolment, "Phone".parse().unwrap());
        accounts.confirm_totp(view, &enrolment, &code, label, here).await.unwrap();
        app
    }

    async fn present(&self, tokens: &TokenSet, code: &str) -> Result<SessionView, AccountError> {
        let presented = PresentedFactor::Totp(code.to_owned().into());
        self.accounts.step_up(&tokens.session, presented, at("192.0.2.1")).await
    }

    async fn present_recovery_code(&self, tokens: &TokenSet, code: &str) -> &'static str {
        let presented = PresentedFactor::RecoveryCode(code.to_owned().into());
        super::code(self.accounts.step_up(&tokens.session, presented, at("192.0.2.1")).await)
    }

    /// Returns the session as the next request finds it.
    async fn view(&self, tokens: &TokenSet) -> SessionView {
        let token = tokens.access_token.expose_secret();
        self.accounts.authenticator().authenticate(token).await.unwrap()
    }
}

#[tokio::test]
async fn one_time_password_steps_up_once() {
    let service = Service::new().await;
    let first = service.alice().await;
    let app = service.enrol(&first.session).await;
    assert!(service.view(&first).await.session.methods.has_second_factor());
    let alice = service.alice().await;
    assert!(!alice.session.session.methods.has_second_factor());
    // The one that confirmed the enrolment was used.
    assert_eq!(code(service.present(&alice, &app.code(service.now())).await), "factor_rejected");
    service.advance_clock(60);
    let password = app.code(service.now());
    let stepped_up = service.present(&alice, &password).await.unwrap().session;
    let methods: Vec<_> = stepped_up.methods.iter().collect();
    let expected = [AuthMethod::Password, AuthMethod::OneTimePassword, AuthMethod::MultipleFactors];
    assert_eq!(methods, expected);
    assert_eq!(stepped_up.authenticated_at.as_second(), service.now());
    assert_eq!(service.view(&alice).await.session, stepped_up);
    // Not even in another session, and none of an earlier step.
    for code in [password, app.code(service.now() - 30)] {
        let again = service.present(&first, &code).await;
        assert_eq!(super::code(again), "factor_rejected");
    }
    // One step of tolerance, in both directions.
    service.advance_clock(90);
    for (offset, expected) in [(60, "factor_rejected"), (-60, "factor_rejected"), (30, "ok")] {
        let presented = service.present(&alice, &app.code(service.now() + offset)).await;
        assert_eq!(code(presented), expected, "{offset}");
    }
    let counts = [EventKind::FactorAdded, EventKind::FactorUsed, EventKind::FactorFailed];
    let mut found = Vec::new();
    for kind in counts {
        found.push(service.count(kind).await);
    }
    assert_eq!(found, [1, 2, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_uses_of_a_password_step_up_once() {
    let service = Service::new().await;
    let first = service.alice().await;
    let app = service.enrol(&first.session).await;
    service.advance_clock(60);
    let (password, sessions) = (app.code(service.now()), [(); 4]);
    let mut alices = Vec::new();
    for () in sessions {
        alices.push(service.alice().await);
    }
    let presented = alices.iter().map(|alice| service.present(alice, &password));
    let outcomes = futures_util::future::join_all(presented).await;
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(accepted, 1, "{outcomes:?}");
    assert_eq!(service.count(EventKind::FactorUsed).await, 1);
}

/// With the password, any number of sessions can be opened from any number of addresses.
#[tokio::test]
async fn guesses_are_bounded_over_sessions_and_sources() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let app = service.enrol(&alice.session).await;
    service.advance_clock(60);
    let mut evaluated = 0;
    for number in 1..=20 {
        let address = format!("198.51.100.{number}");
        let thief = service.log_in("alice", PASSWORD, &address).await.unwrap();
        let guess = PresentedFactor::Totp("000000".into());
        let guessed = service.accounts.step_up(&thief.session, guess, at(&address)).await;
        assert_eq!(code(guessed), "factor_rejected");
        let records = service.records(Some(EventKind::FactorFailed)).await;
        evaluated += usize::from(records[0].reason.as_deref() == Some("wrong-code"));
    }
    assert_eq!(evaluated, 5, "the threshold of the lockout");
    // A correct one is rejected alike meanwhile, and accepted after the lock. Logins are not locked.
    assert_eq!(code(service.present(&alice, &app.code(service.now())).await), "factor_rejected");
    service.advance_clock(90);
    assert_eq!(code(service.present(&alice, &app.code(service.now())).await), "ok");
}

#[tokio::test]
async fn recovery_codes_are_used_once() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let here = || at("192.0.2.1");
    // They follow another factor.
    let early = service.accounts.create_recovery_codes(&alice.session, here()).await;
    assert!(matches!(early, Err(AccountError::StepUp(StepUp::SecondFactor))), "{early:?}");
    service.enrol(&alice.session).await;
    let created = service.accounts.create_recovery_codes(&alice.session, here()).await.unwrap();
    assert_eq!((created.codes.len(), created.factor.codes_left), (10, Some(10)));
    let codes: Vec<_> = created.codes.iter().map(ExposeSecret::expose_secret).collect();
    let other = service.alice().await;
    assert_eq!(service.present_recovery_code(&other, codes[0]).await, "ok");
    assert!(service.view(&other).await.session.methods.contains(AuthMethod::RecoveryCode));
    assert_eq!(service.present_recovery_code(&other, codes[0]).await, "factor_rejected");
    assert_eq!(service.present_recovery_code(&other, &codes[1].to_lowercase()).await, "ok");
    let factors = service.accounts.factors(service.alice.id).await.unwrap();
    assert_eq!(factors[1].codes_left, Some(8));
    // Another set replaces them.
    service.accounts.create_recovery_codes(&alice.session, here()).await.unwrap();
    assert_eq!(service.present_recovery_code(&other, codes[2]).await, "factor_rejected");
    let records = format!("{:?}", service.records(None).await);
    assert!(!codes.iter().any(|code| records.contains(code)), "no code is recorded");
}

#[tokio::test]
async fn factors_change_in_fresh_sessions_with_a_second_factor() {
    let service = Service::new().await;
    let (alice, here) = (service.alice().await, || at("192.0.2.1"));
    service.enrol(&alice.session).await;
    let factor = service.accounts.factors(service.alice.id).await.unwrap()[0].id;
    // A client that knows the password enrols and removes nothing.
    let thief = service.alice().await;
    let enrolment = service.accounts.enrol_totp(&thief.session, here()).await.unwrap();
    let app = App::new(enrolment.secret.expose_secret());
    let password = app.code(service.now()).into();
    let (token, label) = (&enrolment.enrolment, FactorLabel::default());
    let confirmed = service.accounts.confirm_totp(&thief.session, token, &password, label, here());
    assert_eq!(code(confirmed.await), "second_factor_required");
    let removed = service.accounts.remove_factor(&thief.session, factor, here()).await;
    assert_eq!(code(removed), "second_factor_required");
    service.advance_clock(300);
    let late = service.accounts.remove_factor(&alice.session, factor, here()).await;
    let Err(AccountError::StepUp(StepUp::Fresh { max_age })) = late else { panic!("{late:?}") };
    assert_eq!(max_age, Duration::from_secs(300));
    assert_eq!(
        code(service.accounts.enrol_totp(&alice.session, here()).await),
        "authentication_too_old"
    );
    assert_eq!(service.count(EventKind::PermissionDenied).await, 4);
    assert_eq!(service.count(EventKind::FactorRemoved).await, 0);
}

#[tokio::test]
async fn enrolment_is_confirmed_once_and_in_time() {
    let service = Service::new().await;
    let (alice, here) = (service.alice().await, || at("192.0.2.1"));
    let enrolment = service.accounts.enrol_totp(&alice.session, here()).await.unwrap();
    let uri = enrolment.uri.expose_secret();
    let secret = enrolment.secret.expose_secret();
    assert!(uri.starts_with("otpauth://totp/kleidia:alice?") && uri.contains(secret), "{uri}");
    assert!(!format!("{enrolment:?}").contains(secret));
    let app = App::new(secret);
    let confirm = async |view: &SessionView, password: String| {
        let (token, password) = (&enrolment.enrolment, password.into());
        let label = FactorLabel::default();
        code(service.accounts.confirm_totp(view, token, &password, label, here()).await)
    };
    let wrong = app.code(service.now() + 600);
    assert_eq!(confirm(&alice.session, wrong).await, "factor_rejected");
    assert!(service.accounts.factors(service.alice.id).await.unwrap().is_empty());
    assert_eq!(confirm(&alice.session, app.code(service.now())).await, "ok");
    let view = service.view(&alice).await;
    assert_eq!(confirm(&view, app.code(service.now())).await, "ceremony_expired");
    // The next enrolment expires.
    let enrolment = service.accounts.enrol_totp(&view, here()).await.unwrap();
    service.advance_clock(299);
    let again = service.accounts.enrol_totp(&view, here()).await.unwrap();
    let password = App::new(enrolment.secret.expose_secret()).code(service.now()).into();
    let replaced = service.accounts.confirm_totp(
        &view,
        &enrolment.enrolment,
        &password,
        FactorLabel::default(),
        here(),
    );
    assert_eq!(code(replaced.await), "ceremony_expired", "{again:?}");
}

#[tokio::test]
async fn key_encrypts_secrets_in_the_store() {
    let service = Service::new().await;
    let key =
        |octet| FactorSettings::default().with_key(FactorKey::from_octets(&[octet; 32]).unwrap());
    let accounts = |octet| service.accounts.clone().with_factor_settings(key(octet));
    let (plain, alice) =
        (service.enrol(&service.alice().await.session).await, service.alice().await);
    let stored =
        async || service.accounts.store().factors(service.alice.id).await.unwrap()[0].data.clone();
    assert!(stored().await.contains("plain"));
    let present = async |octet, password: String| {
        let presented = PresentedFactor::Totp(password.into());
        code(accounts(octet).step_up(&alice.session, presented, at("192.0.2.1")).await)
    };
    service.advance_clock(60);
    // The next use encrypts it.
    assert_eq!(present(1, plain.code(service.now())).await, "ok");
    assert!(stored().await.contains("sealed") && !stored().await.contains("plain"));
    service.advance_clock(60);
    assert_eq!(present(2, plain.code(service.now())).await, "unavailable");
    assert_eq!(present(1, plain.code(service.now())).await, "ok");
}

#[tokio::test]
async fn admins_remove_the_factors_of_others() {
    let service = Service::new().await;
    let (alice, accounts) = (service.alice().await, &service.accounts);
    service.enrol(&alice.session).await;
    accounts.create_recovery_codes(&alice.session, ClientInfo::default()).await.unwrap();
    accounts.ensure_admin("root", PASSWORD.into()).await.unwrap();
    let root = service.log_in("root", PASSWORD, "192.0.2.1").await.unwrap().session;
    let id = root.account.id;
    service.enrol(&root).await;
    let principal = |view: &SessionView| kleidia_tower::testing::user(view.clone());
    let remove = async |actor: &Principal, user| {
        code(accounts.remove_user_factors(actor, user, ClientInfo::default()).await)
    };
    assert_eq!(remove(&principal(&root), id).await, "permission_denied", "of the admin");
    let alice = principal(&alice.session);
    assert_eq!(remove(&alice, id).await, "permission_denied", "grants more than alice has");
    assert_eq!(service.count(EventKind::PermissionDenied).await, 2);
    assert_eq!(remove(&principal(&root), service.alice.id).await, "ok");
    assert!(accounts.factors(service.alice.id).await.unwrap().is_empty());
    let kinds: Vec<_> = accounts.factors(id).await.unwrap().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FactorKind::Totp]);
    let removed = service.records(Some(EventKind::FactorRemoved)).await;
    let by_root = |name: &str| removed.iter().all(|it| it.actor.as_ref().unwrap().name == name);
    assert!(removed.len() == 2 && by_root("root"), "{removed:?}");
    assert_eq!(accounts.remove_factors_by_name("root").await.unwrap(), 1);
}
