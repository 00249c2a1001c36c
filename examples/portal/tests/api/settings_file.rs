//! Settings in TOML: under the names of the flags, which win.

use crate::portal::{ADMIN, PASSWORD, Place, command};

#[tokio::test]
async fn a_file_sets_what_flags_do_not() {
    let place = Place::with_admin();
    let settings = r#"
        listen = "192.0.2.1:1"
        access-ttl = "7m"
        refresh-ttl = "2d"
        session-ttl = "20m"
        refresh-grace = "5s"
        lockout-threshold = 4
        lockout-base = "30s"
        login-limit = "2/3600"
        api-limit = "1000/60"
        trusted-proxy = ["127.0.0.1/32"]
        argon2-permits = 1
        log = "json"
    "#;
    let file = place.file("portal.toml");
    std::fs::write(&file, settings).unwrap();
    // The address that nobody has is overruled by the flag.
    let arguments = ["--config", file.to_str().unwrap(), "--access-ttl", "9m"];
    let portal = place.start(&arguments);
    let answer = portal.log_in(ADMIN, PASSWORD).from("198.51.100.7").send().await.gives();
    assert_eq!(
        (&answer["expires_in"], &answer["refresh_expires_in"]),
        (&540.into(), &172_800.into())
    );
    portal.log_in(ADMIN, PASSWORD).from("198.51.100.7").send().await.gives();
    let third = portal.log_in(ADMIN, PASSWORD).from("198.51.100.7").send().await;
    third.refuses(429, "rate_limited");
    assert!(portal.log().lines().all(|line| line.starts_with('{')), "{}", portal.log());
}

#[test]
fn what_is_no_setting_is_refused() {
    let place = Place::new();
    let file = place.file("portal.toml");
    for (settings, words) in [
        ("acess-ttl = \"7m\"", "acess-ttl"),
        ("access_ttl = \"7m\"", "access_ttl"),
        ("access-ttl = 7", "access-ttl"),
        ("login-limit = \"often\"", "login-limit"),
        ("trusted-proxy = [\"everybody\"]", "trusted-proxy"),
        ("log = \"xml\"", "log"),
        ("access-ttl = ", "access-ttl"),
    ] {
        std::fs::write(&file, settings).unwrap();
        let arguments = ["--listen", "192.0.2.1:1", "--config", file.to_str().unwrap()];
        let output = command(&place.database(), &arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("portal.toml") && said.contains(words), "{said}");
    }
    let nowhere = place.file("nowhere.toml");
    let arguments = ["--listen", "192.0.2.1:1", "--config", nowhere.to_str().unwrap()];
    let output = command(&place.database(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.toml"));
}
