//! One-time codes by mail, over a real SMTP server.

#![cfg(feature = "smtp")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{
    Accounts, CodeDelivery as _, CodeMessage, CodePurpose, NewUser, Profile, ProfileEmail,
    RecoveryRequest, SmtpDelivery, SmtpSecurity,
};
use kleidia_tower::audit::{AuditQuery, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::MemoryStore;
use kleidia_tower::{ClientInfo, Timestamp, UserId};
use secrecy::SecretString;
use test_servers::SmtpServer;

const PASSWORD: &str = "correct horse battery staple";

fn client() -> ClientInfo {
    ClientInfo::new("192.0.2.1".parse().unwrap())
}

fn delivery(server: &SmtpServer) -> SmtpDelivery {
    let from = "portal@example.com".parse().unwrap();
    SmtpDelivery::new("localhost", server.port(), SmtpSecurity::StartTls, from)
        .with_root_certificate(server.certificate())
        .with_credentials(SmtpServer::NAME, SmtpServer::PASSWORD.into())
}

fn message(code: &str) -> CodeMessage {
    CodeMessage {
        purpose: CodePurpose::Recovery,
        user_name: "alice".parse().unwrap(),
        profile: Profile::default(),
        address: "alice@example.com".parse().unwrap(),
        code: code.into(),
        expires_at: Timestamp::constant(1_795_370_580, 0),
    }
}

fn accounts(delivery: SmtpDelivery) -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let store = Arc::new(MemoryStore::default());
    Accounts::new(store, Arc::new(keys), options.start().unwrap()).with_code_delivery(delivery)
}

async fn create(accounts: &Accounts, name: &str, address: &str, is_verified: bool) -> UserId {
    let email = Some(ProfileEmail { address: address.parse().unwrap(), is_verified });
    let profile = Profile { email, ..Profile::default() };
    let new = NewUser::new(name).with_password(PASSWORD.into()).with_profile(profile);
    accounts.create(None, new, client()).await.unwrap().account.id
}

async fn issued(accounts: &Accounts) -> usize {
    let kind = Some(EventKind::RecoveryIssued);
    accounts.audit(&AuditQuery { kind, ..AuditQuery::default() }).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_requests_a_code_and_sets_a_password() {
    let server = SmtpServer::start();
    let accounts = accounts(delivery(&server));
    assert!(accounts.delivers_codes());
    create(&accounts, "alice", "alice@example.com", true).await;
    create(&accounts, "bob", "bob@example.com", false).await;
    // All return at once and alike.
    for unknown in ["carol", "carol@example.com", "bob", "bob@example.com", "", "a\r\nb"] {
        accounts.request_recovery(unknown, client());
    }
    accounts.request_recovery("Alice", client());
    let mail = server.mail(1);
    assert!(mail.starts_with("alice@example.com\n\n"), "{mail}");
    assert!(mail.contains("From: portal@example.com") && mail.contains("alice"), "{mail}");
    let is_code = |line: &&str| line.len() == 43 && !line.contains(' ');
    let code: SecretString = mail.lines().map(str::trim).find(is_code).unwrap().into();
    let password: SecretString = "another passphrase of mine".into();
    let request =
        RecoveryRequest { code, user_name: Some("alice".into()), password, client: client() };
    accounts.recover(request).await.unwrap();

    accounts.request_recovery("alice@example.com", client());
    assert!(server.mail(2).starts_with("alice@example.com\n\n"));
    for _ in 0..5 {
        accounts.request_recovery("alice", client());
    }
    drop(server.mail(3));
    // Requests are served in any order: those beyond the limit issue nothing.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!((server.mails(), issued(&accounts).await), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_sent_over_verified_tls_with_valid_credentials_only() {
    let server = SmtpServer::start();
    delivery(&server).deliver(&message("a code")).await.unwrap();
    assert_eq!(server.mails(), 1);
    let from = || "portal@example.com".parse().unwrap();
    let start = |security| SmtpDelivery::new("localhost", server.port(), security, from());
    let credentials = |delivery: SmtpDelivery| {
        delivery.with_credentials(SmtpServer::NAME, SmtpServer::PASSWORD.into())
    };
    let trusted = |delivery: SmtpDelivery| delivery.with_root_certificate(server.certificate());
    let other_name = SmtpDelivery::new("127.0.0.1", server.port(), SmtpSecurity::StartTls, from());
    for (what, delivery) in [
        ("an unknown certificate", credentials(start(SmtpSecurity::StartTls))),
        ("another name", credentials(trusted(other_name))),
        ("TLS from the first octet on", credentials(trusted(start(SmtpSecurity::Tls)))),
        ("no TLS", credentials(start(SmtpSecurity::Plain))),
        ("no credentials", trusted(start(SmtpSecurity::StartTls))),
        (
            "a wrong password",
            trusted(start(SmtpSecurity::StartTls)).with_credentials("portal", "wrong".into()),
        ),
    ] {
        let timeout = std::time::Duration::from_secs(2);
        let error = delivery.with_timeout(timeout).deliver(&message("s3cret")).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret") && !text.contains("alice"), "{what}: {text}");
    }
    assert_eq!(server.mails(), 1);
}
