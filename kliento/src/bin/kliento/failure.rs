//! The errors of a command: wrong usage, and unusable files.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use http_guard::SettingError;
use kliento::Timestamp;
#[cfg(feature = "pkcs11")]
use kliento::issue::pkcs11::{Pkcs11Error, Pkcs11UriError};
use kliento::issue::{IssueError, KeyError, MalformedBundle, SigningError, TokenIssueError};
use kliento_tower::{AdmissionFileError, TrustAnchorFileError};
use metrics_exporter_prometheus::BuildError;
use veraid::testing::MockError;
use veraid::{LimitExceeded, MalformedChain, TxtRecordError};

#[cfg(unix)]
use crate::command::agent::AgentFailure;
use crate::command::serve::DuplicateClaimHeader;

/// The exit status of wrong usage; it is clap's own as well.
pub(crate) const EXIT_STATUS: u8 = 2;

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("failed to read {name}: {source}")]
    Read { name: String, source: io::Error },
    #[error("failed to listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("failed to write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} already exists", path.display())]
    FileExists { path: PathBuf },
    #[error("failed to write to standard output: {0}")]
    StandardOutput(#[source] io::Error),
    #[error("not writing a binary bundle to a terminal")]
    BinaryOnTerminal,
    #[error("the system clock is out of range: {0}")]
    Clock(#[source] jiff::Error),
    #[error("failed to start the async runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("the chain has TXT records of several owners: {}", .0.join(", "))]
    AmbiguousOwner(Vec<String>),
    #[error("invalid {name}: {source}")]
    Chain { name: String, source: MalformedChain },
    #[error("no TXT record of {owner} in {name} publishes the key for Kliento")]
    KeyNotInChain { name: String, owner: String },
    #[error("invalid key file {}: {source}", path.display())]
    Key { path: PathBuf, source: KeyError },
    #[error(transparent)]
    KeyGeneration(KeyError),
    #[error(transparent)]
    PublicKey(#[from] KeyError),
    #[error("--output or --pkcs11 is required")]
    MissingKeyOutput,
    #[cfg(feature = "pkcs11")]
    #[error("invalid PKCS #11 URI: {0}")]
    Pkcs11Uri(#[source] Pkcs11UriError),
    #[cfg(feature = "pkcs11")]
    #[error(transparent)]
    Pkcs11(#[from] Box<Pkcs11Error>),
    #[cfg(not(feature = "pkcs11"))]
    #[error("this program has no PKCS #11 (feature pkcs11)")]
    NoPkcs11,
    #[error("--as member needs --member-key")]
    MissingMemberKey,
    #[error("--as organisation does not allow --member-key")]
    UnexpectedMemberKey,
    #[error("--as organisation does not allow --member-bundle")]
    UnexpectedMemberBundle,
    #[error("--org, --key and --chain are required without --member-bundle")]
    MissingOrganisation,
    #[error("invalid member id bundle {name}: {source}")]
    MemberBundle { name: String, source: MalformedBundle },
    #[error("{key} is not the key of the member id bundle {bundle}")]
    MemberKeyMismatch { key: String, bundle: String },
    #[error("the member id bundle {name} expired at {end}")]
    MemberBundleExpired { name: String, end: Timestamp },
    #[error("the member id bundle {name} expires at {end}, before the token does at {until}")]
    MemberBundleEndsEarlier { name: String, end: Timestamp, until: Timestamp },
    #[error("the chain of {name} is not valid at {at}")]
    ChainNotValid { name: String, at: Timestamp },
    #[error("the chain of {name} expires at {end}, before the token does at {until}")]
    ChainEndsEarlier { name: String, end: Timestamp, until: Timestamp },
    #[error(transparent)]
    ClaimHeaders(#[from] DuplicateClaimHeader),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("invalid admission rules in {}: {source}", path.display())]
    Admission { path: PathBuf, source: Box<AdmissionFileError> },
    #[error("invalid trust anchors in {}: {source}", path.display())]
    TrustAnchors { path: PathBuf, source: Box<TrustAnchorFileError> },
    #[error("the trust anchors are unavailable")]
    NoTrustAnchors,
    #[error("failed to record metrics: {0}")]
    Metrics(#[from] BuildError),
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
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
    #[cfg(feature = "cli")]
    #[error(transparent)]
    Resolver(#[from] Box<kliento_tower::client::ResolverError>),
    /// The error of the resolver that is used without `--resolver`.
    #[cfg(feature = "cli")]
    #[error(transparent)]
    SystemResolver(Box<kliento_tower::client::ResolverError>),
    #[cfg(unix)]
    #[error(transparent)]
    Agent(Box<AgentFailure>),
}

impl Failure {
    /// Returns a hint for the user.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Clock(_) => "give the instant with --at",
            Self::FileExists { .. } => {
                "keys are not overwritten: choose another name, or move it away"
            }
            Self::BinaryOnTerminal => "name a file with -o, or add --auth-header",
            Self::Listen { .. } => "choose another address with --listen",
            Self::AmbiguousOwner(_) => "choose one with --name",
            Self::KeyNotInChain { .. } => {
                "publish what `kliento txt-record` prints, then fetch the chain again"
            }
            Self::MissingMemberKey => {
                "make one with `kliento key generate`, or leave out --as member"
            }
            Self::UnexpectedMemberKey => "leave out --member-key, or --as organisation",
            Self::UnexpectedMemberBundle => "leave out --member-bundle, or --as organisation",
            Self::MemberKeyMismatch { .. } => {
                "give the private key whose public key `kliento member issue` certified"
            }
            Self::MemberBundleExpired { .. } => "issue another with `kliento member issue`",
            Self::MemberBundleEndsEarlier { .. } => {
                "choose a shorter --ttl, or issue another bundle with `kliento member issue`"
            }
            Self::ChainNotValid { .. } => "fetch it again with `kliento chain fetch`",
            Self::ChainEndsEarlier { .. } => {
                "choose a shorter --ttl, or give a more recent chain with --chain"
            }
            Self::Token(TokenIssueError::Validity { .. }) => {
                "choose a shorter --ttl or --backdating"
            }
            #[cfg(feature = "cli")]
            Self::SystemResolver(_) => {
                "this is the system's resolver: name one that returns DNSSEC records with --resolver"
            }
            #[cfg(unix)]
            Self::Agent(failure) => return failure.hint(),
            _ => return None,
        })
    }
}
