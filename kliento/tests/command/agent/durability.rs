//! The stored copy of the chain: kill -9, restarts, and a full disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::fixture::{Fixture, is_root, names, print_skipped};

fn with_store(fixture: &Fixture, store: &str) {
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    fixture.write_config(&config.replace("[chain]", &format!("[chain]\nstore = \"{store}\"")));
}

fn assert_whole(fixture: &Fixture, store: &Path) {
    let anchor = fixture.anchor();
    let store = store.to_str().unwrap();
    let run = fixture.run(&["chain", "verify", store, "--trust-anchor", &anchor]);
    assert_eq!(run.status, 0, "{run:?}");
}

/// The agent writes the copy about each second, and is killed at random times.
#[tokio::test]
async fn stored_chain_is_whole_after_kill_9() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("state")).unwrap();
    with_store(&fixture, "state/chain.der");
    let store = fixture.path("state/chain.der");
    for round in 0..20 {
        let agent = fixture.start();
        if round % 2 == 0 {
            fixture.token().await;
        } else {
            tokio::time::sleep(Duration::from_millis(round * 3)).await;
        }
        agent.signal("-KILL");
        agent.end();
        if store.exists() {
            assert_whole(&fixture, &store);
        }
    }
    assert!(store.exists());
    // The chain cannot be had any more.
    fs::remove_file(fixture.path("chain.der")).unwrap();
    let _agent = fixture.start();
    fixture.token().await;
    let left = names(&fixture.path("state"));
    assert!(left.len() <= 2, "{left:?}");
}

/// A file system of 16 KiB, which is unmounted when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(&path);
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            print_skipped("a full disk, since no file system can be mounted");
        }
        is_mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn full_disk_keeps_the_last_copy_and_stops_no_token() {
    if !is_root("a full disk") {
        return;
    }
    let fixture = Fixture::new();
    let Some(disk) = SmallDisk::mount(fixture.path("disk")) else { return };
    with_store(&fixture, "disk/chain.der");
    let store = disk.0.join("chain.der");
    fixture.start_and_store(&store).await;
    let copy = fs::read(&store).unwrap();
    // All that is left.
    let _ = fs::write(disk.0.join("filler"), vec![0; 64 * 1024]);
    let agent = fixture.start();
    fixture.token().await;
    let error = loop {
        let report = fixture.get("/status").await.json();
        if let Some(error) = report["chain"]["store_error"].as_str() {
            break error.to_owned();
        }
    };
    assert!(error.starts_with("writing"), "{error}");
    fixture.token().await;
    assert_eq!(fs::read(&store).unwrap(), copy);
    agent.stop();
    assert_whole(&fixture, &store);
}

impl Fixture {
    /// Runs an agent until it has stored the chain.
    async fn start_and_store(&self, store: &Path) {
        let agent = self.start();
        self.token().await;
        while !store.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        agent.stop();
    }
}
