//! The agent's socket: its mode, and what it replaces.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use super::fixture::{Fixture, names};

fn mode(fixture: &Fixture) -> u32 {
    fs::symlink_metadata(fixture.socket()).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_the_owner_may_connect_by_default() {
    let fixture = Fixture::new();
    let agent = fixture.start();
    assert_eq!(mode(&fixture), 0o600);
    agent.stop();
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    fixture.write_config(&config.replace("[listen]", "[listen]\nmode = \"0666\""));
    let _agent = fixture.start();
    assert_eq!(mode(&fixture), 0o666);
}

#[tokio::test]
async fn replaces_the_socket_of_a_dead_agent_only() {
    let fixture = Fixture::new();
    let agent = fixture.start();
    let errors = fixture.fail();
    assert!(errors.contains("another process listens on"), "{errors}");
    fixture.token().await;
    agent.signal("-KILL");
    agent.end();
    assert!(fixture.socket().exists());
    let agent = fixture.start();
    fixture.token().await;
    agent.stop();
    let left: Vec<_> =
        names(&fixture.path("")).into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn keeps_files_and_links_at_its_path() {
    let fixture = Fixture::new();
    let socket = fixture.socket();
    fs::write(&socket, "precious").unwrap();
    assert!(fixture.fail().contains("is not a socket"));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
    fs::remove_file(&socket).unwrap();
    // A link to the socket of another process.
    let other = fixture.path("other.sock");
    let _listener = UnixListener::bind(&other).unwrap();
    symlink(&other, &socket).unwrap();
    assert!(fixture.fail().contains("is not a socket"));
    assert!(socket.is_symlink() && other.exists());
    fs::remove_file(&socket).unwrap();
    symlink(fixture.path("missing"), &socket).unwrap();
    assert!(fixture.fail().contains("is not a socket"));
}

#[test]
fn rejects_a_folder_in_which_every_user_can_replace_the_socket() {
    let fixture = Fixture::new();
    let folder = fixture.path("");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let errors = fixture.fail();
    assert!(errors.contains("every user can replace files"), "{errors}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
    fixture.start().stop();
}
