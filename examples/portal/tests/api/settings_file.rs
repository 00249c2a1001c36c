//! Settings in TOML, under the names of the flags. Flags take precedence.

use crate::portal::{ADMIN, PASSWORD, TempDatabase, command};

#[tokio::test]
async fn file_sets_what_flags_do_not() {
    let database = TempDatabase::with_admin();
    let settings = r#"
        listen = "192.0.2.1:1"
        access-ttl = "7m"
        refresh-ttl = "2d"
        session-ttl = "20m"
        login-ttl = "3d"
        max-sessions = 7
        refresh-grace = "5s"
        lockout-threshold = 4
        lockout-base = "30s"
        login-limit = "2/3600"
        refresh-limit = "100/60"
        api-limit = "1000/60"
        trusted-proxy = ["127.0.0.1/32"]
        argon2-permits = 1
        log = "json"
    "#;
    let file = database.file("portal.toml");
    std::fs::write(&file, settings).unwrap();
    // The flag `--listen` overrides the file's unusable address.
    let arguments = ["--config", file.to_str().unwrap(), "--access-ttl", "9m"];
    let portal = database.start(&arguments);
    let response = portal
        .login_request(ADMIN, PASSWORD)
        .forwarded_for("198.51.100.7")
        .send()
        .await
        .expect_json();
    assert_eq!(
        (&response["expires_in"], &response["refresh_expires_in"]),
        (&540.into(), &172_800.into())
    );
    portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.7").send().await.expect_json();
    let third = portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.7").send().await;
    third.expect_problem(429, "rate_limited");
    assert!(portal.log().lines().all(|line| line.starts_with('{')), "{}", portal.log());
}

#[test]
fn rejects_invalid_settings() {
    let database = TempDatabase::new();
    let file = database.file("portal.toml");
    for (settings, text) in [
        ("acess-ttl = \"7m\"", "acess-ttl"),
        ("access_ttl = \"7m\"", "access_ttl"),
        ("access-ttl = 7", "access-ttl"),
        ("login-limit = \"often\"", "login-limit"),
        ("trusted-proxy = [\"everybody\"]", "trusted-proxy"),
        ("log = \"xml\"", "log"),
        ("access-ttl = ", "access-ttl"),
        ("vault = \"vault.example.com\"", "vault"),
        ("vault-kv-version = 3", "vault-kv-version"),
    ] {
        std::fs::write(&file, settings).unwrap();
        let arguments = ["--listen", "192.0.2.1:1", "--config", file.to_str().unwrap()];
        let output = command(&database.path(), &arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("portal.toml") && stderr.contains(text), "{stderr}");
    }
    let missing = database.file("missing.toml");
    let arguments = ["--listen", "192.0.2.1:1", "--config", missing.to_str().unwrap()];
    let output = command(&database.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.toml"));
}
