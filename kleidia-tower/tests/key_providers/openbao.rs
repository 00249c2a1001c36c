//! Keys from a real server: OpenBao, with the engines and logins that Vault has, too.

mod engine;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{
    KeyProvider as _, KvVersion, VaultKeyError, VaultKeys, VaultLogin,
};
use test_servers::OpenBaoServer;

use self::engine::Engine;
use crate::kubernetes;
use crate::nodes::{self, Nodes};
use crate::texts::{NEW, OLD, ROTATED};
use crate::token::{is_valid, sign};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reads_both_versions_of_the_engine() {
    let Some(server) = OpenBaoServer::shared() else { return };
    for (name, version, other) in
        [("first", KvVersion::V1, KvVersion::V2), ("second", KvVersion::V2, KvVersion::V1)]
    {
        let engine = Engine::new(server, name, version, OLD);
        let keys = engine.open(&engine.create_token(&[]), VaultKeys::options()).await.unwrap();
        for (text, signer) in [(ROTATED, "2026-11"), (OLD, "2026-10"), (NEW, "2026-11")] {
            engine.write(text);
            keys.reload().await.unwrap();
            assert_eq!(sign(&keys).0, signer);
        }
        let other = VaultKeys::options().with_kv_version(other);
        let other = other.open(engine.client(server.root_token()), name, "kleidia").await;
        assert_status(&other.unwrap_err(), 404);
        let denied = server.execute(&["token", "create", "-field=token", "-policy=default"]);
        let denied = engine.open(&denied, VaultKeys::options()).await;
        assert_status(&denied.unwrap_err(), 403);

        server.execute(&["kv", "delete", &format!("-mount={name}"), "kleidia"]);
        assert_status(&keys.reload().await.unwrap_err(), 404);
        assert_eq!(sign(&keys).0, "2026-11");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn last_valid_keys_outlast_seal_and_restart() {
    let Some(server) = OpenBaoServer::start() else { return };
    let engine = Engine::new(&server, "kv", KvVersion::V2, OLD);
    let login = engine.create_app_role("1h", "2h");
    let keys = engine.log_in(login.clone()).await.unwrap();
    let (_, token) = sign(&keys);
    let assert_sealed = async || {
        assert_status(&keys.reload().await.unwrap_err(), 503);
        assert!(keys.health().unwrap_err().to_string().contains("Vault is sealed"));
        assert!(is_valid(&keys, &token));
        let start = engine.log_in(login.clone()).await.unwrap_err();
        assert!(
            start.to_string().contains("503") && start.to_string().contains("sealed"),
            "{start}"
        );
        let start = engine.open(server.root_token(), VaultKeys::options()).await;
        assert_status(&start.unwrap_err(), 503);
    };
    let assert_unsealed = async || {
        keys.reload().await.unwrap();
        assert_eq!(keys.health(), Ok(()));
        engine.log_in(login.clone()).await.unwrap();
    };
    server.seal();
    assert_sealed().await;
    server.unseal();
    assert_unsealed().await;
    server.kill();
    assert!(matches!(&*keys.reload().await.unwrap_err(), VaultKeyError::NoResponse(_)));
    assert!(keys.health().is_err() && is_valid(&keys, &token));
    server.restart();
    assert_sealed().await;
    server.unseal();
    engine.write(ROTATED);
    assert_unsealed().await;
    assert_eq!(sign(&keys).0, "2026-11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn renews_its_token_and_logs_in_again_when_renewal_ends() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "renewal", KvVersion::V2, OLD);
    let login = engine.create_app_role("6s", "14s");
    let keys = engine.log_in(login).await.unwrap();
    let logins = || server.audited(&["\"path\":\"auth/renewal/login\""]);
    let renewals = || server.audited(&["auth/token/renew-self\"", "[\"default\",\"renewal\"]"]);
    assert_eq!((logins(), renewals()), (1, 0));
    // The read after each renewal or login succeeds.
    wait_for(|| renewals() >= 1 && keys.last_error().is_none()).await;
    wait_for(|| logins() >= 2 && keys.last_error().is_none()).await;
    engine.write(NEW);
    keys.reload().await.unwrap();
    assert_eq!(sign(&keys).0, "2026-11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn renews_the_token_of_its_client() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "periodic", KvVersion::V1, OLD);
    let token = engine.create_token(&["-period=6s"]);
    let keys = engine.open(&token, VaultKeys::options()).await.unwrap();
    let renewals = || server.audited(&["auth/token/renew-self\"", "[\"default\",\"periodic\"]"]);
    wait_for(|| renewals() >= 2 && keys.last_error().is_none()).await;
    keys.reload().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_in_again_when_its_token_is_revoked() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "revoked", KvVersion::V1, OLD);
    let login = engine.create_app_role("1h", "2h");
    let keys = engine.log_in(login).await.unwrap();
    engine.revoke_logins();
    engine.write(ROTATED);
    keys.reload().await.unwrap();
    assert_eq!(sign(&keys).0, "2026-11");

    engine.file("secret-id", "another");
    engine.revoke_logins();
    let error = keys.reload().await.unwrap_err();
    let VaultKeyError::Login(reason) = &*error else { panic!("{error:?}") };
    assert_status(reason, 400);
    assert!(keys.health().is_err());
    assert_eq!(sign(&keys).0, "2026-11");
    fs::remove_file(engine.files.path().join("secret-id")).unwrap();
    let error = keys.reload().await.unwrap_err();
    assert!(matches!(&*error, VaultKeyError::CredentialsFile { .. }), "{error:?}");
    engine.file("secret-id", &engine.create_secret_id());
    keys.reload().await.unwrap();
    assert_eq!(keys.health(), Ok(()));
}

/// Anyone can send tokens with unknown keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn unknown_keys_cause_no_flood_of_logins() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "forged", KvVersion::V2, OLD);
    let keys = engine.log_in(engine.create_app_role("1h", "2h")).await.unwrap();
    server.execute(&["policy", "delete", "forged"]);
    let logins = || server.audited(&["\"path\":\"auth/forged/login\""]);
    let revocations = || server.audited(&["auth/token/revoke-self\"", "[\"default\",\"forged\"]"]);
    for _ in 0..3 {
        keys.keys_with("another").await.unwrap_err();
        assert_status(&keys.last_error().unwrap(), 403);
    }
    assert_eq!((logins(), revocations()), (1, 0));
    // The owner may ask for a login at any time. It revokes the token before.
    for done in 1..3 {
        assert_status(&keys.reload().await.unwrap_err(), 403);
        assert_eq!((logins(), revocations()), (1 + done, done));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reports_token_that_will_expire() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "expiry", KvVersion::V2, OLD);
    let ending = engine.create_token(&["-ttl=12s", "-renewable=false"]);
    let login = VaultLogin::TokenFile(engine.file("token", &format!("{ending}\n")));
    let with_file = engine.log_in(login).await.unwrap();
    let with_token = engine.open(&ending, VaultKeys::options()).await.unwrap();
    for keys in [&with_file, &with_token] {
        wait_for(|| keys.last_error().is_some()).await;
        let error = keys.last_error().unwrap();
        assert!(matches!(&*error, VaultKeyError::TokenExpires), "{error:?}");
        assert!(keys.health().is_err());
    }
    for keys in [&with_file, &with_token] {
        let is_expired = |error: &VaultKeyError| error.to_string().contains("403");
        wait_for(|| keys.last_error().is_some_and(|error| is_expired(&error))).await;
        assert_eq!(sign(keys).0, "2026-10");
    }
    engine.write(ROTATED);
    engine.file("token", &engine.create_token(&["-period=1h"]));
    wait_for(|| with_file.last_error().is_none()).await;
    assert_eq!(sign(&with_file).0, "2026-11");
    assert!(with_token.reload().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_in_with_the_token_of_a_service_account() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "pods", KvVersion::V2, OLD);
    let api = kubernetes::start_api().await;
    server.execute(&["auth", "enable", "-path=pods", "kubernetes"]);
    let host = format!("kubernetes_host={api}");
    let reviewer = format!("token_reviewer_jwt={}", kubernetes::service_account_token("reviewer"));
    let certificate = format!("kubernetes_ca_cert=@{}", engine.create_certificate().display());
    let local = "disable_local_ca_jwt=true";
    server.execute(&["write", "auth/pods/config", &host, &reviewer, &certificate, local]);
    let names = "bound_service_account_names=kleidia";
    let namespaces = "bound_service_account_namespaces=portal";
    let role = "auth/pods/role/kleidia";
    server.execute(&["write", role, names, namespaces, "audience=vault", "token_policies=pods"]);

    let token_file = engine.file("token", &kubernetes::service_account_token("kleidia"));
    let login = VaultLogin::Kubernetes {
        mount: "pods".to_owned(),
        role: "kleidia".to_owned(),
        token_file: token_file.clone(),
    };
    let keys = engine.log_in(login.clone()).await.unwrap();
    assert_eq!(sign(&keys).0, "2026-10");
    // The node of a pod replaces the file before the token in it expires.
    engine.file("token", &kubernetes::service_account_token("other"));
    let error = engine.log_in(login.clone()).await.unwrap_err();
    assert!(matches!(&error, VaultKeyError::Login(_)), "{error:?}");
    engine.revoke_logins();
    assert!(matches!(&*keys.reload().await.unwrap_err(), VaultKeyError::Login(_)));
    engine.file("token", &kubernetes::service_account_token("kleidia"));
    keys.reload().await.unwrap();
    for text in ["", " \n"] {
        fs::write(&token_file, text).unwrap();
        let error = engine.log_in(login.clone()).await.unwrap_err();
        assert!(error.to_string().ends_with("token: the file is empty"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_accepts_tokens_of_keys_that_another_read_before() {
    let Some(server) = OpenBaoServer::shared() else { return };
    let engine = Engine::new(server, "nodes", KvVersion::V2, OLD);
    let login = engine.create_app_role("1h", "2h");
    let first = Arc::new(engine.log_in(login.clone()).await.unwrap());
    let second = Arc::new(engine.log_in(login).await.unwrap());
    let nodes = Nodes::new(first.clone(), second).await;
    let write = async |text: &str| engine.write(text);
    let reload = async || first.reload().await.unwrap();
    nodes::accepts_tokens_of_unannounced_keys(&nodes, write, reload).await;
}

async fn wait_for(is_done: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(start.elapsed() < DEADLINE, "timed out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn assert_status(error: &VaultKeyError, expected: u16) {
    let VaultKeyError::ErrorResponse { status, .. } = error else { panic!("{error:?}") };
    assert_eq!(*status, expected, "{error}");
}
