//! What is logged about keys, in a process without other tests: `tracing` asks once, for all
//! threads, whether anybody listens to an event.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

#[cfg(feature = "vault")]
#[path = "key_providers/vault_server.rs"]
mod vault_server;

use std::fs;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kleidia_tower::access_token::KeyFile;
use tracing::level_filters::LevelFilter;

const OLD: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
const NEW: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";

#[test]
fn a_problem_that_lasts_is_told_once_and_no_secret_is() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(LevelFilter::TRACE);
    let subscriber = subscriber.with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, OLD).unwrap();
    close(&path);
    let keys = KeyFile::options().with_interval(Duration::MAX).open(&path).unwrap();
    assert_eq!(log.take(), ["INFO keys read"]);
    let told = |content: &str, is_good: bool| {
        fs::write(&path, content).unwrap();
        assert!((0..3).all(|_| keys.reload().is_ok() == is_good));
        log.take()
    };
    assert_eq!(told(OLD, true), [""; 0]);
    let bad = ["ERROR bad keys, the last good ones stay"];
    assert_eq!(told(&NEW.replace(':', " "), false), bad);
    assert_eq!(told(&format!("{NEW},{NEW}"), false), bad);
    assert_eq!(told(OLD, true), ["INFO the keys are good again"]);
    assert_eq!(told(&format!("{NEW}\n{OLD}"), true), ["INFO keys read"]);
    assert_eq!(told(NEW, true), ["INFO keys read"]);
    #[cfg(unix)]
    exposure_is_told_once(&path, &keys, &log);
    #[cfg(feature = "vault")]
    tokio::runtime::Runtime::new().unwrap().block_on(vault_tells_no_secret(&log));
}

#[cfg(unix)]
fn exposure_is_told_once(path: &Path, keys: &KeyFile, log: &Log) {
    let warning = ["WARN others than its owner and group can get at the file of keys"];
    for mode in [0o644, 0o604, 0o602] {
        permit(path, mode);
        assert!((0..3).all(|_| keys.reload().is_ok()));
        assert_eq!(log.take(), warning);
        permit(path, 0o640);
        keys.reload().unwrap();
        assert_eq!(log.take(), [""; 0]);
    }
}

/// Of what the client and all below it log, at the lowest level.
#[cfg(feature = "vault")]
async fn vault_tells_no_secret(log: &Log) {
    use kleidia_tower::access_token::VaultKeys;
    use serde_json::json;
    use vault_server::{Health, TOKEN, VaultServer};
    use vaultrs::kv2;

    let server = VaultServer::start().await;
    let client = server.client(TOKEN);
    kv2::set(&*client, "secret", "kleidia", &json!({ "keys": OLD })).await.unwrap();
    let options = VaultKeys::options().with_interval(Duration::MAX);
    let options = options.with_timeout(Duration::from_millis(500));
    let keys = options.open(client.clone(), "secret", "kleidia").await.unwrap();
    for bad in [json!({ "keys": format!("{NEW},{NEW}") }), json!({ "keys": [NEW] })] {
        kv2::set(&*client, "secret", "kleidia", &bad).await.unwrap();
        keys.reload().await.unwrap_err();
    }
    for health in [Health::Sealed, Health::Stuck] {
        server.set_health(health);
        keys.reload().await.unwrap_err();
    }
    server.stop().await;
    keys.reload().await.unwrap_err();
    let text = log.text();
    assert!(!text.contains(TOKEN), "{text}");
    assert!(text.contains("TRACE") && text.contains("Vault is sealed"), "{text}");
    assert_eq!(text.matches("bad keys, the last good ones stay").count(), 5, "{text}");
}

fn close(path: &Path) {
    #[cfg(unix)]
    permit(path, 0o600);
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(unix)]
fn permit(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The lines that were logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What was logged since it was asked before.
    fn text(&self) -> String {
        let text = String::from_utf8(mem::take(&mut *self.0.lock().unwrap())).unwrap();
        assert!(!text.contains("x1rf") && !text.contains("7h2t"), "a secret: {text}");
        text
    }

    /// The level and message of each line.
    fn take(&self) -> Vec<String> {
        let text = self.text();
        let shortened = text.lines().map(|line| {
            let level = line.split_whitespace().nth(1).unwrap();
            let (_, message) = line.split_once(": ").unwrap();
            let (message, _field) = message.split_once('=').unwrap().0.rsplit_once(' ').unwrap();
            format!("{level} {message}")
        });
        shortened.collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
