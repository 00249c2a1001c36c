//! Keys from a real server: OpenBao, with the engines and logins that Vault has, too.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{
    KeyProvider as _, KvVersion, VaultKeyError, VaultKeys, VaultKeysOptions, VaultLogin,
};
use tempfile::TempDir;
use test_servers::OpenBaoServer;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};

use crate::kubernetes;
use crate::nodes::{self, Nodes};
use crate::texts::{NEW, OLD, ROTATED};
use crate::token::{is_valid, sign};

const DEADLINE: Duration = Duration::from_secs(60);

/// An engine, a policy and a method of logins, all with the same name, and files of the client.
struct Engine<'a> {
    server: &'a OpenBaoServer,
    name: &'static str,
    version: KvVersion,
    files: TempDir,
}

impl<'a> Engine<'a> {
    /// Creates an engine that contains keys.
    fn new(server: &'a OpenBaoServer, name: &'static str, version: KvVersion, keys: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let engine = Self { server, name, version, files };
        let number = if version == KvVersion::V1 { 1 } else { 2 };
        let (path, number) = (format!("-path={name}"), format!("-version={number}"));
        server.execute(&["secrets", "enable", &path, &number, "kv"]);
        // A new engine with versions is unavailable for a moment.
        let start = Instant::now();
        while let Err(error) = engine.try_write(keys) {
            assert!(start.elapsed() < DEADLINE, "{error}");
        }
        let policy = ["", "data/"].map(|versioned| {
            format!("path \"{name}/{versioned}kleidia\" {{ capabilities = [\"read\"] }}\n")
        });
        let policy = engine.file("policy", &policy.concat());
        server.execute(&["policy", "write", name, policy.to_str().unwrap()]);
        engine
    }

    fn try_write(&self, keys: &str) -> Result<String, String> {
        let (mount, keys) = (format!("-mount={}", self.name), format!("keys={keys}"));
        self.server.try_execute(&["kv", "put", &mount, "kleidia", &keys])
    }

    fn write(&self, keys: &str) {
        self.try_write(keys).unwrap();
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Returns a client with this token.
    fn client(&self, token: &str) -> Arc<VaultClient> {
        let mut settings = VaultClientSettingsBuilder::default();
        let settings = settings.address(self.server.url()).token(token).build().unwrap();
        Arc::new(VaultClient::new(settings).unwrap())
    }

    /// Opens the keys without polling.
    async fn open(
        &self,
        token: &str,
        options: VaultKeysOptions,
    ) -> Result<VaultKeys, VaultKeyError> {
        let options = options.with_kv_version(self.version);
        let options = options.with_poll_interval(Duration::MAX).unwrap();
        options.open(self.client(token), &format!("{}/", self.name), "/kleidia").await
    }

    async fn log_in(&self, login: VaultLogin) -> Result<VaultKeys, VaultKeyError> {
        self.open("", VaultKeys::options().with_login(login)).await
    }

    /// Creates a token that may read the keys.
    fn create_token(&self, options: &[&str]) -> String {
        let policy = format!("-policy={}", self.name);
        let create = ["token", "create", "-field=token", &policy];
        self.server.execute(&[&create[..], options].concat())
    }

    /// Creates an application that may read the keys, with lifetimes of its tokens.
    fn create_app_role(&self, ttl: &str, max_ttl: &str) -> VaultLogin {
        let name = self.name;
        self.server.execute(&["auth", "enable", &format!("-path={name}"), "approle"]);
        let role = format!("auth/{name}/role/kleidia");
        let (policy, ttl) = (format!("token_policies={name}"), format!("token_ttl={ttl}"));
        let max_ttl = format!("token_max_ttl={max_ttl}");
        self.server.execute(&["write", &role, &policy, &ttl, &max_ttl]);
        let role_id = self.server.execute(&["read", "-field=role_id", &format!("{role}/role-id")]);
        VaultLogin::AppRole {
            mount: format!("{name}/"),
            role_id,
            secret_id_file: self.file("secret-id", &self.create_secret_id()),
        }
    }

    fn create_secret_id(&self) -> String {
        let path = format!("auth/{}/role/kleidia/secret-id", self.name);
        self.server.execute(&["write", "-force", "-field=secret_id", &path]) + "\n"
    }

    /// Creates a certificate of a certification authority, which the server requires to be set.
    fn create_certificate(&self) -> PathBuf {
        let (path, key) = (self.file("certificate.pem", ""), self.file("key.pem", ""));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-nodes", "-subj", "/CN=kubernetes", "-keyout"]).arg(key);
        let output = openssl.arg("-out").arg(&path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        path
    }

    /// Revokes all tokens of the logins.
    fn revoke_logins(&self) {
        let path = format!("auth/{}/login", self.name);
        self.server.execute(&["lease", "revoke", "-sync", "-prefix", &path]);
    }
}

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
