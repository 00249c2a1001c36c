//! Why a command could not do what it was asked: wrong usage, and files that can't be used.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use kliento::issue::{IssueError, KeyError, SigningError, TokenIssueError};
use veraid::testing::MockError;
use veraid::{MalformedChain, TxtRecordError};

use crate::resolver::ResolverError;

/// The exit status of wrong usage; it is clap's own as well.
pub(crate) const EXIT_STATUS: u8 = 2;

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("can't read {name}: {source}")]
    Read { name: String, source: io::Error },
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("can't write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} exists", path.display())]
    Exists { path: PathBuf },
    #[error("can't write to standard output: {0}")]
    StandardOutput(#[source] io::Error),
    #[error("a bundle is binary, and standard output is a terminal")]
    BinaryOnTerminal,
    #[error("the system's clock is outside the years 0 to 9999: {0}")]
    Clock(#[source] jiff::Error),
    #[error("the system can't run tasks: {0}")]
    Runtime(#[source] io::Error),
    #[error("the chain is about the TXT records of several names: {}", .0.join(", "))]
    SeveralOwners(Vec<String>),
    #[error("can't use {name}: {source}")]
    Chain { name: String, source: MalformedChain },
    #[error("no TXT record of {owner} in {name} names the key for Kliento")]
    KeyNotInChain { name: String, owner: String },
    #[error("can't use {}: {source}", path.display())]
    Key { path: PathBuf, source: KeyError },
    #[error(transparent)]
    KeyGeneration(KeyError),
    #[error("the member is to sign, but there is no --member-key")]
    NoMemberKey,
    #[error("the organisation is to sign, but there is a --member-key")]
    NeedlessMemberKey,
    #[error(transparent)]
    TxtRecord(#[from] TxtRecordError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    Token(#[from] TokenIssueError),
    #[error(transparent)]
    Mock(#[from] Box<MockError>),
    #[error(transparent)]
    Resolver(#[from] Box<ResolverError>),
}

impl Failure {
    /// What the user may do about it.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Clock(_) => "give the instant with --at",
            Self::Exists { .. } => "keys are not overwritten: choose another name, or move it away",
            Self::BinaryOnTerminal => "name a file with -o, or add --auth-header",
            Self::Listen { .. } => "choose another address with --listen",
            Self::SeveralOwners(_) => "choose one with --name",
            Self::KeyNotInChain { .. } => {
                "publish what `kliento txt-record` prints, then fetch the chain anew"
            }
            Self::NoMemberKey => "make one with `kliento key generate`, or leave out --as member",
            Self::NeedlessMemberKey => "leave out --member-key, or --as organisation",
            Self::Token(TokenIssueError::Validity { .. }) => "choose a shorter --ttl",
            _ => return None,
        })
    }
}
