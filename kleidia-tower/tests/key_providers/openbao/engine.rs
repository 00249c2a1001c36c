//! An engine of the server, with a policy and a method of logins.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{
    KvVersion, VaultKeyError, VaultKeys, VaultKeysOptions, VaultLogin,
};
use tempfile::TempDir;
use test_servers::OpenBaoServer;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};

use super::DEADLINE;

/// An engine, a policy and a method of logins, all with the same name, and files of the client.
pub(super) struct Engine<'a> {
    server: &'a OpenBaoServer,
    name: &'static str,
    version: KvVersion,
    pub(super) files: TempDir,
}

impl<'a> Engine<'a> {
    /// Creates an engine that contains keys.
    pub(super) fn new(
        server: &'a OpenBaoServer,
        name: &'static str,
        version: KvVersion,
        keys: &str,
    ) -> Self {
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

    pub(super) fn write(&self, keys: &str) {
        self.try_write(keys).unwrap();
    }

    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Returns a client with this token.
    pub(super) fn client(&self, token: &str) -> Arc<VaultClient> {
        let mut settings = VaultClientSettingsBuilder::default();
        let settings = settings.address(self.server.url()).token(token).build().unwrap();
        Arc::new(VaultClient::new(settings).unwrap())
    }

    /// Opens the keys without polling.
    pub(super) async fn open(
        &self,
        token: &str,
        options: VaultKeysOptions,
    ) -> Result<VaultKeys, VaultKeyError> {
        let options = options.with_kv_version(self.version);
        let options = options.with_poll_interval(Duration::MAX).unwrap();
        options.open(self.client(token), &format!("{}/", self.name), "/kleidia").await
    }

    pub(super) async fn log_in(&self, login: VaultLogin) -> Result<VaultKeys, VaultKeyError> {
        self.open("", VaultKeys::options().with_login(login)).await
    }

    /// Creates a token that may read the keys.
    pub(super) fn create_token(&self, options: &[&str]) -> String {
        let policy = format!("-policy={}", self.name);
        let create = ["token", "create", "-field=token", &policy];
        self.server.execute(&[&create[..], options].concat())
    }

    /// Creates an application that may read the keys, with lifetimes of its tokens.
    pub(super) fn create_app_role(&self, ttl: &str, max_ttl: &str) -> VaultLogin {
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

    pub(super) fn create_secret_id(&self) -> String {
        let path = format!("auth/{}/role/kleidia/secret-id", self.name);
        self.server.execute(&["write", "-force", "-field=secret_id", &path]) + "\n"
    }

    /// Creates a certificate of a certification authority, which the server requires to be set.
    pub(super) fn create_certificate(&self) -> PathBuf {
        let (path, key) = (self.file("certificate.pem", ""), self.file("key.pem", ""));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-nodes", "-subj", "/CN=kubernetes", "-keyout"]).arg(key);
        let output = openssl.arg("-out").arg(&path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        path
    }

    /// Revokes all tokens of the logins.
    pub(super) fn revoke_logins(&self) {
        let path = format!("auth/{}/login", self.name);
        self.server.execute(&["lease", "revoke", "-sync", "-prefix", &path]);
    }
}
