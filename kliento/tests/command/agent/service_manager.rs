//! Signals, and the protocols of systemd.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;

use super::fixture::{AUDIENCE, Agent, Fixture, is_root, print_skipped};

#[tokio::test]
async fn sighup_reloads_and_keeps_the_last_valid_configuration() {
    let fixture = Fixture::new();
    let agent = fixture.start();
    fixture.token().await;
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    let other = format!("/token?audience={AUDIENCE}&claim=permission=all");
    fixture.get(&other).await.assert_problem(StatusCode::FORBIDDEN, "token_not_allowed");

    fixture.write_config(&config.replace("\"read-only\"", "\"all\""));
    agent.signal("-HUP");
    fixture.get_until(&other, StatusCode::OK).await;

    fixture.write_config("organisation = ");
    agent.signal("-HUP");
    let error = loop {
        let report = fixture.get("/status").await.json();
        if let Some(error) = report["reload_error"].as_str() {
            break error.to_owned();
        }
    };
    assert!(error.contains("invalid configuration"), "{error}");
    assert_eq!(fixture.get(&other).await.status, StatusCode::OK);

    fixture.write_config(&config.replace("\"alice\"", "\"bob\""));
    agent.signal("-HUP");
    fixture.get_until(&other, StatusCode::FORBIDDEN).await;
    let header = format!("Kliento {}", fixture.token().await["token"].as_str().unwrap());
    assert_eq!(fixture.verify(&header)["subject"], "bob@example.com");
    let log = agent.stop();
    assert!(log.contains("keeping the last valid one"), "{log}");
}

/// The chain cannot be had any more, but the last one is still valid.
#[tokio::test]
async fn reload_keeps_the_chain() {
    let fixture = Fixture::new();
    let agent = fixture.start();
    fixture.token().await;
    fs::remove_file(fixture.path("chain.der")).unwrap();
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    fixture.write_config(&config.replace("\"alice\"", "\"bob\""));
    let loaded_at = fixture.get("/status").await.json()["loaded_at"].clone();
    agent.signal("-HUP");
    while fixture.get("/status").await.json()["loaded_at"] == loaded_at {}
    let answer = fixture.get(&format!("/token?audience={AUDIENCE}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// The new settings have no chain yet, and the last one is valid for them.
#[tokio::test]
async fn reload_with_another_source_uses_the_last_chain_until_it_has_one() {
    let fixture = Fixture::new();
    let agent = fixture.start();
    let first = fixture.token().await;
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    let away = "resolver = \"127.0.0.1:9\"";
    fixture.write_config(
        &config.replace("file = \"chain.der\"", away).replace("max-interval = \"1s\"", ""),
    );
    let loaded_at = fixture.get("/status").await.json()["loaded_at"].clone();
    agent.signal("-HUP");
    while fixture.get("/status").await.json()["loaded_at"] == loaded_at {}
    let answer = fixture.get(&format!("/token?audience={AUDIENCE}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_ne!(answer.json(), first);
}

#[test]
fn tells_the_service_manager_its_state() {
    let fixture = Fixture::new();
    let path = fixture.path("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let receive = || {
        let mut datagram = [0; 1024];
        let length = manager.recv(&mut datagram).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    };
    let mut command = fixture.command(&[]);
    command.env("NOTIFY_SOCKET", &path);
    let agent = Agent::start(command);
    assert_eq!(receive().trim(), "READY=1");
    agent.signal("-HUP");
    let reloading = receive();
    assert!(reloading.contains("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(receive().trim(), "READY=1");
    agent.signal("-TERM");
    assert_eq!(receive().trim(), "STOPPING=1");
    assert!(agent.end().0.success());
}

/// systemd passes the socket as the file descriptor 3.
#[tokio::test]
async fn serves_the_socket_of_the_service_manager() {
    let fixture = Fixture::new();
    fixture.write_config(&format!(
        "{}\n[[allow]]\naudiences = [\"{AUDIENCE}\"]",
        fixture.common("chain.der")
    ));
    let listener = UnixListener::bind(fixture.socket()).unwrap();
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_kliento"), "agent", "--config", "agent.toml"]);
    command.current_dir(fixture.path("")).stdin(Stdio::from(OwnedFd::from(listener)));
    let agent = Agent::start(command);
    assert_eq!(agent.address, "the socket of the service manager");
    fixture.token().await;
    agent.stop();
    // The socket is the service manager's.
    assert!(fixture.socket().exists());
}

/// `listen` would be ignored silently.
#[test]
fn settings_must_not_contradict_the_socket_of_the_service_manager() {
    let fixture = Fixture::new();
    let rule = format!("[[allow]]\naudiences = [\"{AUDIENCE}\"]");
    let listener = UnixListener::bind(fixture.socket()).unwrap();
    let start = |listen: &str| {
        fixture.write_config(&format!("{}\n{listen}\n{rule}", fixture.common("chain.der")));
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
        let mut command = Command::new("/bin/sh");
        let program = env!("CARGO_BIN_EXE_kliento");
        command.args(["-c", script, program, "agent", "--config", "agent.toml"]);
        let socket = OwnedFd::from(listener.try_clone().unwrap());
        command.current_dir(fixture.path("")).stdin(Stdio::from(socket));
        command
    };
    for (listen, reason) in [
        ("[listen]\nsocket = \"other.sock\"", "listen is not the socket"),
        ("[listen]\naddress = \"127.0.0.1:7\"", "listen is not the socket"),
        ("[listen]\nmode = \"0600\"", "listen.mode"),
    ] {
        let output = start(listen).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.contains(reason), "{listen}: {errors}");
    }
    // The same one may be there, for `kliento agent status`.
    Agent::start(start("[listen]\nsocket = \"agent.sock\"")).stop();
}

/// The first process of a PID namespace, as of a container, has no default actions of signals.
#[tokio::test]
async fn ends_on_sigterm_as_the_first_process() {
    if !is_root("the first process of a PID namespace") {
        return;
    }
    let fixture = Fixture::new();
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", env!("CARGO_BIN_EXE_kliento")]);
    command.args(["agent", "--config", "agent.toml"]).current_dir(fixture.path(""));
    let agent = Agent::start(command);
    fixture.token().await;
    let parent = agent.child.id();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let status = Command::new("kill").args(["-TERM", children.trim()]).status().unwrap();
    assert!(status.success());
    let (status, log) = agent.end();
    assert!(status.success(), "{status}: {log}");
    assert!(!fixture.socket().exists());
}

/// `docs/agent.md` has the units, with a hardened service.
#[test]
fn documented_units_are_valid() {
    let analyze = Command::new("systemd-analyze").arg("--version").output();
    if analyze.is_err() {
        print_skipped("the documented units, since systemd-analyze is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/agent.md");
    let page = fs::read_to_string(page).unwrap();
    let program = folder.path().join("kliento");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let units: Vec<_> = page.split("```ini\n").skip(1).collect();
    let files = units.iter().map(|unit| {
        let (unit, _) = unit.split_once("```").unwrap();
        let name = unit.lines().next().unwrap().strip_prefix("# /etc/systemd/system/").unwrap();
        let file = folder.path().join(name);
        fs::write(&file, unit.replace("/usr/bin/kliento", program.to_str().unwrap())).unwrap();
        file
    });
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 2);
    let output = Command::new("systemd-analyze").arg("verify").args(&files).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> = errors.lines().filter(|line| line.contains("kliento")).collect();
    assert!(output.status.success() && ours.is_empty(), "{errors}");
}
