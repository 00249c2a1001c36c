//! Portals that read the keys of access tokens from a server.

use std::fs;

use tempfile::TempDir;
use test_servers::{OpenBaoServer, PostgresServer};

use super::Cluster;
use crate::api::command_line::assert_fails;
use crate::portal::{Portal, TempDatabase, command};

const OLD: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
const NEW: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";
const POLICY: &str = r#"path "secret/data/portal" { capabilities = ["read"] }"#;

/// The options of a portal that logs in by the method AppRole.
struct AppRole {
    options: Vec<String>,
    _files: TempDir,
}

impl AppRole {
    /// Enables the method and the engine, and creates a role.
    fn create(server: &OpenBaoServer) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (policy, secret_id) = (files.path().join("policy"), files.path().join("secret-id"));
        fs::write(&policy, POLICY).unwrap();
        server.execute(&["secrets", "enable", "-path=secret", "-version=2", "kv"]);
        server.execute(&["auth", "enable", "approle"]);
        server.execute(&["policy", "write", "portal", policy.to_str().unwrap()]);
        let role = "auth/approle/role/portal";
        server.execute(&["write", role, "token_policies=portal", "token_ttl=1h"]);
        let id = server.execute(&["read", "-field=role_id", &format!("{role}/role-id")]);
        let secret = ["write", "-force", "-field=secret_id", &format!("{role}/secret-id")];
        fs::write(&secret_id, server.execute(&secret)).unwrap();
        let secret_id = secret_id.to_str().unwrap();
        let options = [
            ["--vault", &server.url()],
            ["--vault-role-id", &id],
            ["--vault-secret-id-file", secret_id],
        ];
        Self { options: options.concat().into_iter().map(str::to_owned).collect(), _files: files }
    }

    fn options(&self) -> Vec<&str> {
        self.options.iter().map(String::as_str).collect()
    }

    fn start(&self, cluster: &Cluster) -> Portal {
        let audit_key = cluster.file("portal.audit-key");
        let arguments = [&["--audit-key", &audit_key], &self.options()[..]].concat();
        TempDatabase::on_postgres(&cluster.url).start(&arguments)
    }
}

#[tokio::test]
async fn portal_accepts_tokens_of_keys_that_another_read_before() {
    let Some(server) = OpenBaoServer::start() else { return };
    let (cluster, app_role) = (Cluster::new(PostgresServer::shared()), AppRole::create(&server));
    let write = |keys: &str| {
        server.execute(&["kv", "put", "-mount=secret", "portal", &format!("keys={keys}")])
    };
    write(OLD);
    let portals = [app_role.start(&cluster), app_role.start(&cluster)];
    let old = portals[0].log_in_admin().await;
    assert_eq!(old.part(0)["kid"], "2026-10");
    write(&format!("{NEW}\n{OLD}"));
    let restarted = app_role.start(&cluster);
    let new = restarted.log_in_admin().await;
    assert_eq!(new.part(0)["kid"], "2026-11");
    for portal in [&portals[0], &portals[1], &restarted] {
        for tokens in [&old, &new] {
            portal.get("/api/whoami").auth(tokens).send().await.expect_json();
        }
        assert_eq!(portal.get("/api/health").send().await.body, "ok\n");
    }

    server.seal();
    for tokens in [&old, &new] {
        portals[1].get("/api/whoami").auth(tokens).send().await.expect_json();
    }
    let output = command(cluster.url.as_ref(), &app_role.options()).output().unwrap();
    let secret = format!("keys in the secret secret/portal of {}/: ", server.url());
    assert_fails(&output, &[&secret, "503", "Vault is sealed"]);
}

#[test]
fn rejects_incomplete_options() {
    let database = TempDatabase::new();
    let local = ["--vault", "http://127.0.0.1:1"];
    for (options, text) in [
        (&["--vault-path", "portal"][..], "need --vault"),
        (&["--vault", "http://vault.example.com", "--vault-token-file", "t"], "expected https://"),
        (&local, "the variable VAULT_TOKEN"),
        (&[&local[..], &["--vault-role-id", "r"]].concat(), "need each other"),
        (&[&local[..], &["--vault-kubernetes-token-file", "t"]].concat(), "needs --vault-kub"),
        (&[&local[..], &["--vault-login-mount", "m"]].concat(), "needs --vault-role-id or"),
        (
            &[&local[..], &["--vault-token-file", "t", "--vault-kubernetes-role", "r"]].concat(),
            "exclude each other",
        ),
        (&[&local[..], &["--vault-token-file", "missing.token"]].concat(), "missing.token: "),
    ] {
        let mut portal = command(&database.path(), options);
        let output = portal.env_remove("VAULT_TOKEN").output().unwrap();
        assert_fails(&output, &[text]);
    }
}

#[test]
fn rejects_files_without_certificates() {
    let database = TempDatabase::new();
    let directory = database.file("authorities");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("ca.pem");
    fs::write(&file, "vault.example.com").unwrap();
    let options = ["--vault", "https://127.0.0.1:1", "--vault-token-file", "t"];
    for (variable, path) in [("VAULT_CACERT", &file), ("VAULT_CAPATH", &directory)] {
        let output = command(&database.path(), &options).env(variable, path).output().unwrap();
        assert_fails(&output, &[variable, "ca.pem: no certificate"]);
    }
}
