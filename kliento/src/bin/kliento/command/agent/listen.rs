//! The agent's socket.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::AgentFailure;
use super::config::Listen;

/// The mode of a socket: only the agent's own user may connect.
const DEFAULT_MODE: u32 = 0o600;

/// The agent's listener.
pub(super) enum AgentListener {
    /// A Unix socket, with its file if the agent made it.
    Unix(UnixListener, Option<SocketFile>),
    Loopback(TcpListener),
}

/// The file of a socket, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// The device and the inode, since another agent may have replaced the file.
    identity: (u64, u64),
}

impl AgentListener {
    /// Takes the socket that systemd opened, or opens the one of the configuration.
    pub(super) fn open(listen: &Listen) -> Result<Self, AgentFailure> {
        if let Some(inherited) = inherited().map_err(AgentFailure::Inherited)? {
            inherited.check(listen)?;
            return Ok(inherited);
        }
        match (&listen.socket, listen.address) {
            (Some(_), Some(_)) => {
                Err(AgentFailure::Contradiction("listen.socket and listen.address"))
            }
            (None, None) => {
                Err(AgentFailure::Contradiction("listen has neither socket nor address"))
            }
            (Some(path), None) => {
                let (listener, file) = open_socket(path, mode(listen)?)?;
                Ok(Self::Unix(listener, Some(file)))
            }
            (None, Some(address)) => open_loopback(address).map(Self::Loopback),
        }
    }

    /// Rejects settings that contradict the socket of the service manager. The same address may be
    /// there, for `kliento agent status`.
    fn check(&self, listen: &Listen) -> Result<(), AgentFailure> {
        let is_same = match self {
            Self::Unix(listener, _) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                let is_path =
                    |socket: &PathBuf| path.is_some_and(|path| is_same_file(path, socket));
                listen.address.is_none() && listen.socket.as_ref().is_none_or(is_path)
            }
            Self::Loopback(listener) => {
                let is_address = |address| listener.local_addr().is_ok_and(|own| own == address);
                listen.socket.is_none() && listen.address.is_none_or(is_address)
            }
        };
        let contradiction = |text| Err(AgentFailure::Contradiction(text));
        match (is_same, &listen.mode) {
            (false, _) => contradiction("listen is not the socket of the service manager"),
            (_, Some(_)) => contradiction("listen.mode: the service manager made the socket"),
            (true, None) => Ok(()),
        }
    }

    /// Returns the address for people.
    pub(super) fn describe(&self) -> String {
        let unknown = || "the socket of the service manager".to_owned();
        match self {
            Self::Unix(_, Some(file)) => file.path.display().to_string(),
            Self::Unix(..) => unknown(),
            Self::Loopback(listener) => listener
                .local_addr()
                .map_or_else(|_| unknown(), |address| format!("http://{address}")),
        }
    }
}

/// Returns the first socket of `LISTEN_FDS`.
fn inherited() -> io::Result<Option<AgentListener>> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() == 0 {
        return Ok(None);
    }
    if let Ok(Some(listener)) = sockets.take_unix_listener(0) {
        listener.set_nonblocking(true)?;
        return Ok(Some(AgentListener::Unix(UnixListener::from_std(listener)?, None)));
    }
    let Some(listener) = sockets.take_tcp_listener(0)? else { return Ok(None) };
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a loopback address"));
    }
    listener.set_nonblocking(true)?;
    Ok(Some(AgentListener::Loopback(TcpListener::from_std(listener)?)))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|file| (file.dev(), file.ino())).ok();
    one == other || identity(one).is_some_and(|file| identity(other) == Some(file))
}

fn mode(listen: &Listen) -> Result<u32, AgentFailure> {
    let Some(text) = &listen.mode else { return Ok(DEFAULT_MODE) };
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| AgentFailure::Mode(text.clone()))
}

fn open_loopback(address: SocketAddr) -> Result<TcpListener, AgentFailure> {
    if !address.ip().is_loopback() {
        return Err(AgentFailure::NotLoopback(address));
    }
    let failed = |source| AgentFailure::Listen { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    TcpListener::from_std(listener).map_err(failed)
}

/// Opens a socket at the path, and replaces that of an agent that has ended.
///
/// It is made in a new folder that only this user may enter, and renamed when it has its mode: at
/// no time does the path have a socket that others may connect to, and a symbolic link at the path
/// is not followed.
fn open_socket(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), AgentFailure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    check_folder(folder)?;
    check_replaceable(path)?;
    let failed = |source| AgentFailure::Socket { path: path.to_owned(), source };
    let private = tempfile::Builder::new()
        .prefix(".kliento-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(folder)
        .map_err(failed)?;
    let new = private.path().join("s");
    let listener = UnixListener::bind(&new).map_err(failed)?;
    fs::set_permissions(&new, Permissions::from_mode(mode)).map_err(failed)?;
    let metadata = new.symlink_metadata().map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    let identity = (metadata.dev(), metadata.ino());
    Ok((listener, SocketFile { path: path.to_owned(), identity }))
}

/// Rejects a folder in which any user could replace the socket, unless it has the sticky bit.
fn check_folder(folder: &Path) -> Result<(), AgentFailure> {
    let metadata = fs::metadata(folder)
        .map_err(|source| AgentFailure::Socket { path: folder.to_owned(), source })?;
    let is_shared = metadata.mode() & 0o002 != 0 && metadata.mode() & 0o1000 == 0;
    if is_shared { Err(AgentFailure::SharedFolder(folder.to_owned())) } else { Ok(()) }
}

fn check_replaceable(path: &Path) -> Result<(), AgentFailure> {
    let failed = |source| AgentFailure::Socket { path: path.to_owned(), source };
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(AgentFailure::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(AgentFailure::SocketInUse(path.to_owned())),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = self.path.symlink_metadata();
        if found.is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
