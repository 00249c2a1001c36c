//! Token bundles that are signed here, with a private key of a member's or the organisation's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kliento::issue::{
    MalformedBundle, MemberIdBundle, OrganisationCertificate, Signer, TokenIssueError, TokenRequest,
};
use kliento::{Member, Period, Timestamp, Token};
use tokio::task::spawn_blocking;
use veraid::{DnssecChain, MalformedChain};

use super::file::read_at_most;
use super::{IssuedBundle, SourceError, TokenBundleSource};
use crate::{Clock, SystemClock};

/// Signs tokens as a member, or as the organisation on behalf of one.
///
/// A DNSSEC chain only holds for days: give the member id bundle, or the chain, as a file that is
/// renewed (`kliento chain fetch`); it is read anew for each signature.
///
/// A signature takes about a millisecond, and with a KMS or an HSM behind the [`Signer`] much
/// longer, so it is made on tokio's threads for blocking work.
///
/// ```
/// use std::path::Path;
/// use std::time::Duration;
/// use kliento::Token;
/// use kliento::issue::RsaSigner;
/// use kliento_tower::client::{KlientoClientLayer, LocalSigner};
///
/// # fn layer(pem: &[u8]) -> Result<KlientoClientLayer, Box<dyn std::error::Error>> {
/// let token = Token::new("https://api.example.com").with_claim("permission", "read-only");
/// let member_id = Path::new("/var/lib/kliento/alice.vid");
/// let signer = LocalSigner::member(member_id, RsaSigner::from_pem(pem)?, token)
///     .with_lifetime(Duration::from_secs(900));
/// let layer = KlientoClientLayer::new(signer).with_origin("https://api.example.com")?;
/// # Ok(layer)
/// # }
/// ```
#[derive(Clone)]
pub struct LocalSigner {
    signatory: Arc<Signatory>,
    signer: Arc<dyn Signer + Send + Sync>,
    token: Token,
    lifetime: Duration,
    backdating: Duration,
    clock: Arc<dyn Clock>,
}

/// Octets in memory, or in a file that is read anew at each use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Octets {
    /// In memory.
    Memory(Vec<u8>),
    /// In the file at this path, of at most 1 MiB.
    File(PathBuf),
}

enum Signatory {
    Member { id: Octets },
    Organisation { certificate: Box<OrganisationCertificate>, chain: Octets, member: Member },
}

/// Why a token is not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalSignerError {
    /// The clock does not tell the time.
    #[error("the clock does not tell the time")]
    Clock,
    /// The file with the member id bundle or the chain can't be read.
    #[error("{} can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The member id bundle can't be read.
    #[error("the member id bundle is refused: {0}")]
    MemberIdBundle(#[from] MalformedBundle),
    /// The chain can't be read.
    #[error("the chain is refused: {0}")]
    Chain(#[from] MalformedChain),
    /// There is no signature.
    #[error(transparent)]
    Issue(#[from] TokenIssueError),
}

impl LocalSigner {
    const LIFETIME: Duration = Duration::from_secs(300);

    /// Signs as the member of this member id bundle, with the member's key.
    pub fn member(
        id: impl Into<Octets>,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        Self::new(Signatory::Member { id: id.into() }, signer, token)
    }

    /// Signs as the organisation on behalf of a member, with the organisation's key.
    ///
    /// The chain is as [`DnssecChain::messages_to_der`] writes it.
    pub fn organisation(
        certificate: OrganisationCertificate,
        chain: impl Into<Octets>,
        member: Member,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        let (certificate, chain) = (Box::new(certificate), chain.into());
        Self::new(Signatory::Organisation { certificate, chain, member }, signer, token)
    }

    fn new(
        signatory: Signatory,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        Self {
            signatory: Arc::new(signatory),
            signer: Arc::new(signer),
            token,
            lifetime: Self::LIFETIME,
            backdating: Duration::ZERO,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets for how long tokens are valid from when they are signed; 5 minutes by default.
    ///
    /// Verifiers refuse what is valid for more than 60 minutes, backdating included.
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets how long before they are signed tokens begin to be valid, for verifiers whose clocks
    /// are slow; none by default. Certificates must have been valid by then.
    #[must_use]
    pub const fn with_backdating(mut self, backdating: Duration) -> Self {
        self.backdating = backdating;
        self
    }

    /// Sets the clock; by default it is the [system's](crate::SystemClock).
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn sign(&self) -> Result<IssuedBundle, LocalSignerError> {
        let period = self.period(self.clock.now().ok_or(LocalSignerError::Clock)?);
        let request = TokenRequest::new(&self.token, period);
        let bundle = match &*self.signatory {
            Signatory::Member { id } => {
                let id = id.read()?;
                request.sign_by_member(&MemberIdBundle::from_der(&id)?, &*self.signer)?
            }
            Signatory::Organisation { certificate, chain, member } => {
                let chain = chain.read()?;
                let chain = DnssecChain::messages_from_der(&chain)?;
                request.sign_by_organisation(certificate, &chain, member, &*self.signer)?
            }
        };
        Ok(IssuedBundle::new(bundle, period.end()))
    }

    /// From a whole second on, as certificates are.
    fn period(&self, now: Timestamp) -> Period {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let start = now.saturating_sub(self.backdating);
        Period::new(start, now.saturating_add(self.lifetime)).unwrap_or(Period::at(start))
    }
}

#[async_trait]
impl TokenBundleSource for LocalSigner {
    async fn token_bundle(&self) -> Result<IssuedBundle, SourceError> {
        let signer = self.clone();
        let issued = spawn_blocking(move || signer.sign()).await.map_err(SourceError::new)?;
        issued.map_err(SourceError::new)
    }
}

impl Octets {
    const MAX_FILE: u64 = 1024 * 1024;

    fn read(&self) -> Result<Vec<u8>, LocalSignerError> {
        match self {
            Self::Memory(octets) => Ok(octets.clone()),
            Self::File(path) => read_at_most(path, Self::MAX_FILE)
                .map_err(|source| LocalSignerError::Read { path: path.clone(), source }),
        }
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self::Memory(octets)
    }
}

impl From<PathBuf> for Octets {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Octets {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// Neither the key nor what the token claims is shown.
impl std::fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let audience = self.token.audience();
        f.debug_struct("LocalSigner").field("audience", &audience).finish_non_exhaustive()
    }
}
