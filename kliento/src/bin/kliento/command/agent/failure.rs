//! The errors of the agent.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use http_guard::SettingError;
use kliento_tower::client::ChainError;

use crate::failure::Failure;

/// The error of starting the agent, or of its configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentFailure {
    #[error("failed to read {}: {source}", path.display())]
    ReadConfig { path: PathBuf, source: io::Error },
    #[error("invalid configuration {}: {source}", path.display())]
    Config { path: PathBuf, source: Box<toml::de::Error> },
    #[error("invalid configuration: {0}")]
    Setting(#[from] SettingError),
    #[error("invalid configuration: {0}")]
    Contradiction(&'static str),
    #[error("invalid configuration: listen.mode {0:?}: expected an octal mode such as 0600")]
    Mode(String),
    #[error("invalid configuration: chain.resolver: {0}")]
    Resolver(String),
    #[cfg(feature = "cli")]
    #[error("invalid configuration: identity.exchange: {0}")]
    Exchange(#[from] kliento_tower::client::ExchangeConfigError),
    #[cfg(not(feature = "cli"))]
    #[error("tokens for {audience} from {url} need this program with the feature cli")]
    NoExchange { audience: String, url: String },
    #[error("invalid configuration: identity.exchange has {0} twice")]
    DuplicateExchange(String),
    #[error("invalid configuration: no rule allows {0} of identity.exchange")]
    UnusedExchange(String),
    #[error("invalid configuration: a rule allows {0}, for which there is no key and no exchange")]
    NoIssuer(String),
    #[error("{bundle} is of {found}, and organisation is {expected}")]
    OtherOrganisation { bundle: String, found: String, expected: String },
    #[error("invalid configuration: listen.address {0} is not a loopback address")]
    NotLoopback(SocketAddr),
    #[error("another process listens on {}", .0.display())]
    SocketInUse(PathBuf),
    #[error("{} is not a socket: not replacing it", .0.display())]
    NotASocket(PathBuf),
    #[error("every user can replace files in {}", .0.display())]
    SharedFolder(PathBuf),
    #[error("failed to listen on {}: {source}", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("failed to listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("unusable socket from the service manager: {0}")]
    Inherited(#[source] io::Error),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("failed to ask the agent at {address}: {reason}")]
    Status { address: String, reason: String },
}

impl AgentFailure {
    /// Returns a hint for the user.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::SocketInUse(_) => "stop the other agent, or choose another listen.socket",
            Self::NotASocket(_) => "move it away, or choose another listen.socket",
            Self::SharedFolder(_) => "choose a listen.socket in a folder of the agent's user",
            Self::NotLoopback(_) => "tokens are secrets: use a Unix socket",
            Self::Status { .. } => "is the agent running? Name its socket with --socket",
            _ => return None,
        })
    }
}

impl From<AgentFailure> for Failure {
    fn from(failure: AgentFailure) -> Self {
        Self::Agent(Box::new(failure))
    }
}
