//! Log events about keys. They are alone in their process, since `tracing` caches for all threads
//! whether an event has a subscriber.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;
#[cfg(feature = "vault")]
#[path = "key_providers/vault_server.rs"]
mod vault_server;

use std::fs;
use std::path::Path;
use std::time::Duration;

use kleidia_tower::access_token::KeyFile;
use tracing::level_filters::LevelFilter;

use crate::captured_log::{CapturedLog, messages};

const OLD: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
const NEW: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";

#[test]
fn logs_lasting_problem_once_and_no_secret() {
    let log = CapturedLog::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(LevelFilter::TRACE);
    let subscriber = subscriber.with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, OLD).unwrap();
    make_private(&path);
    let keys = KeyFile::options().with_poll_interval(Duration::MAX).unwrap().open(&path).unwrap();
    assert_eq!(messages(&text(&log)), ["INFO keys loaded"]);
    let reload = |content: &str, is_valid: bool| {
        fs::write(&path, content).unwrap();
        assert!((0..3).all(|_| keys.reload().is_ok() == is_valid));
        messages(&text(&log))
    };
    assert_eq!(reload(OLD, true), [""; 0]);
    let invalid = ["ERROR invalid keys, keeping the last valid ones"];
    assert_eq!(reload(&NEW.replace(':', " "), false), invalid);
    assert_eq!(reload(&format!("{NEW},{NEW}"), false), invalid);
    assert_eq!(reload(OLD, true), ["INFO keys valid again"]);
    assert_eq!(reload(&format!("{NEW}\n{OLD}"), true), ["INFO keys loaded"]);
    assert_eq!(reload(NEW, true), ["INFO keys loaded"]);
    #[cfg(unix)]
    logs_exposure_once(&path, &keys, &log);
    #[cfg(feature = "vault")]
    tokio::runtime::Runtime::new().unwrap().block_on(logs_no_secret_of_vault(&log));
}

#[cfg(unix)]
fn logs_exposure_once(path: &Path, keys: &KeyFile, log: &CapturedLog) {
    let warning = ["WARN key file is accessible to other users"];
    for mode in [0o644, 0o604, 0o602] {
        set_mode(path, mode);
        assert!((0..3).all(|_| keys.reload().is_ok()));
        assert_eq!(messages(&text(log)), warning);
        set_mode(path, 0o640);
        keys.reload().unwrap();
        assert_eq!(messages(&text(log)), [""; 0]);
    }
}

/// The client and its dependencies log at the lowest level.
#[cfg(feature = "vault")]
async fn logs_no_secret_of_vault(log: &CapturedLog) {
    use kleidia_tower::access_token::{VaultKeys, VaultLogin};
    use serde_json::json;
    use vault_server::{Health, SECRET_ID, TOKEN, VaultServer};
    use vaultrs::kv2;

    let server = VaultServer::start().await;
    let client = server.client(TOKEN);
    kv2::set(&*client, "secret", "kleidia", &json!({ "keys": OLD })).await.unwrap();
    let options = VaultKeys::options().with_poll_interval(Duration::MAX).unwrap();
    let options = options.with_timeout(Duration::from_millis(500)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret_id_file = folder.path().join("secret-id");
    fs::write(&secret_id_file, SECRET_ID).unwrap();
    let (mount, role_id) = ("approle".to_owned(), "role".to_owned());
    let options = options.with_login(VaultLogin::AppRole { mount, role_id, secret_id_file });
    let without_token = server.client("");
    let keys = options.clone().open(without_token, "secret", "kleidia").await.unwrap();
    let options_text = format!("{options:?} {keys:?}");
    assert!(!options_text.contains(SECRET_ID) && !options_text.contains(TOKEN), "{options_text}");
    for invalid in [json!({ "keys": format!("{NEW},{NEW}") }), json!({ "keys": [NEW] })] {
        kv2::set(&*client, "secret", "kleidia", &invalid).await.unwrap();
        keys.reload().await.unwrap_err();
    }
    for health in [Health::Sealed, Health::Stuck] {
        server.set_health(health);
        keys.reload().await.unwrap_err();
    }
    assert_eq!(server.reads(), 5);
    server.stop().await;
    keys.reload().await.unwrap_err();
    let text = text(log);
    assert!(!text.contains(TOKEN) && !text.contains(SECRET_ID), "{text}");
    assert!(text.contains("TRACE") && text.contains("Vault is sealed"), "{text}");
    assert_eq!(text.matches("invalid keys, keeping the last valid ones").count(), 5, "{text}");
}

fn make_private(path: &Path) {
    #[cfg(unix)]
    set_mode(path, 0o600);
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the text that was logged since the last call.
fn text(log: &CapturedLog) -> String {
    let text = log.take();
    assert!(!text.contains("x1rf") && !text.contains("7h2t"), "a secret: {text}");
    text
}
