//! Token bundles signed with a local private key, of a member or the organisation.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kliento_core::issue::{
    MalformedBundle, MemberCertificate, MemberIdBundle, OrganisationCertificate, Signer,
    TokenIssueError, TokenRequest, member_id_bundle,
};
use kliento_core::{Member, OrganisationName, Token, TokenBundle};
use tokio::task::spawn_blocking;
use veraid::{DnssecChain, MalformedChain};

use super::key_use::KeyUse;
use super::{ByteSource, ExpiringBundle, SourceError, TokenBundleSource};
use crate::{Clock, SettingError, SystemClock};

/// Signs tokens as a member, or as the organisation on behalf of a member.
///
/// The tokens have the audience of the request's origin, or else that of the given token, and its
/// claims.
///
/// A DNSSEC chain is only valid for days. Pass the member id bundle, or the chain, as a file that
/// is renewed (`kliento chain fetch`): it is re-read for each signature. Or let a
#[cfg_attr(
    feature = "agent",
    doc = "[`ChainSource`](super::ChainSource) keep the chain fresh: see [`Self::with_chain`]."
)]
#[cfg_attr(not(feature = "agent"), doc = "`ChainSource` (feature `agent`) keep the chain fresh.")]
///
/// Use a key for one name only: nothing that is signed names the signer. If the member's key is the
/// organisation's, or a renewed bundle certifies it for another name, a warning is logged.
///
/// A signature takes about a millisecond, and much longer if the [`Signer`] uses a KMS or an HSM.
/// So it is computed on tokio's threads for blocking work.
///
/// ```
/// use std::path::Path;
/// use std::time::Duration;
/// use kliento_core::Token;
/// use kliento_core::issue::RsaSigner;
/// use kliento_tower::client::{KlientoClientLayer, LocalSigner};
///
/// # fn layer(pem: &[u8]) -> Result<KlientoClientLayer, Box<dyn std::error::Error>> {
/// let token = Token::new("https://api.example.com").with_claim("permission", "read-only");
/// let member_id = Path::new("/var/lib/kliento/alice.vid");
/// let signer = LocalSigner::member(member_id, RsaSigner::from_pem(pem)?, token)
///     .with_lifetime(Duration::from_secs(900))?;
/// let layer = KlientoClientLayer::new(signer).with_origin("https://api.example.com")?;
/// # Ok(layer)
/// # }
/// ```
#[derive(Clone)]
pub struct LocalSigner {
    identity: Arc<SigningIdentity>,
    signer: Arc<dyn Signer + Send + Sync>,
    token: Token,
    lifetime: Duration,
    backdating: Duration,
    clock: Arc<dyn Clock>,
    key_use: Arc<KeyUse>,
}

#[derive(Clone)]
enum SigningIdentity {
    Member {
        id: ByteSource,
        chain: Option<ByteSource>,
    },
    Organisation {
        certificate: Box<OrganisationCertificate>,
        chain: ByteSource,
        member: Member,
    },
    SelfCertified {
        organisation: OrganisationName,
        chain: ByteSource,
        member: Member,
        member_signer: Option<Arc<dyn Signer + Send + Sync>>,
    },
}

/// The error of a [`LocalSigner`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalSignerError {
    /// The clock is unavailable.
    #[error("clock unavailable")]
    ClockUnavailable,
    /// Reading the member id bundle or the chain failed.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The source of the chain has no valid one.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    ChainSource(#[from] super::ChainError),
    /// The member id bundle is malformed.
    #[error("invalid member id bundle: {0}")]
    MemberIdBundle(#[from] MalformedBundle),
    /// The chain is malformed.
    #[error("invalid chain: {0}")]
    Chain(#[from] MalformedChain),
    /// Signing failed.
    #[error(transparent)]
    Issue(#[from] TokenIssueError),
}

impl LocalSigner {
    const LIFETIME: Duration = Duration::from_secs(300);
    const MAX_VALIDITY: Duration = Duration::from_secs(3600);

    /// Creates a source that signs as the member of this member id bundle, with the member's key.
    pub fn member(
        id: impl Into<ByteSource>,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        Self::new(SigningIdentity::Member { id: id.into(), chain: None }, signer, token)
    }

    /// Creates a source that signs as the organisation on behalf of a member, with the
    /// organisation's key.
    ///
    /// The chain is in the format of [`DnssecChain::messages_to_der`].
    pub fn organisation(
        certificate: OrganisationCertificate,
        chain: impl Into<ByteSource>,
        member: Member,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        let (certificate, chain) = (Box::new(certificate), chain.into());
        Self::new(SigningIdentity::Organisation { certificate, chain, member }, signer, token)
    }

    /// Creates a source as [`Self::organisation`] does, which issues the organisation's certificate
    /// as well: for each token another one, which is valid as long as the token.
    pub fn self_certified(
        organisation: OrganisationName,
        chain: impl Into<ByteSource>,
        member: Member,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        let (chain, member_signer) = (chain.into(), None);
        let identity =
            SigningIdentity::SelfCertified { organisation, chain, member, member_signer };
        Self::new(identity, signer, token)
    }

    /// Lets the member of [`Self::self_certified`] sign, with a key of its own: the organisation's
    /// key issues the member's certificate for each token. Other identities are not changed.
    #[must_use]
    pub fn with_member_signer(mut self, signer: impl Signer + Send + Sync + 'static) -> Self {
        if let SigningIdentity::SelfCertified { member_signer, .. } =
            Arc::make_mut(&mut self.identity)
        {
            *member_signer = Some(Arc::new(signer));
        }
        self
    }

    fn new(
        identity: SigningIdentity,
        signer: impl Signer + Send + Sync + 'static,
        token: Token,
    ) -> Self {
        Self {
            identity: Arc::new(identity),
            signer: Arc::new(signer),
            token,
            lifetime: Self::LIFETIME,
            backdating: TokenRequest::DEFAULT_BACKDATING,
            clock: Arc::new(SystemClock),
            key_use: Arc::default(),
        }
    }

    /// Sets the validity of tokens after they are signed: 1 second to 60 minutes; 5 minutes by
    /// default.
    ///
    /// Verifiers reject tokens that are valid for more than 60 minutes, backdating included. So a
    /// token ends earlier if its lifetime and the backdating exceed them.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_secs(1)..=Self::MAX_VALIDITY;
        self.lifetime = SettingError::check("lifetime", lifetime, bounds)?;
        Ok(self)
    }

    /// Sets the validity of tokens before they are signed, for verifiers with slow clocks: 0 to 59
    /// minutes; 30 seconds by default. A token is not valid before its certificates.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_backdating(mut self, backdating: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::ZERO..=Self::MAX_VALIDITY.saturating_sub(Duration::from_secs(60));
        self.backdating = SettingError::check("backdating", backdating, bounds)?;
        Ok(self)
    }

    /// Sets the clock; the [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the chain of tokens, instead of the one that is in the member id bundle.
    ///
    /// A chain expires long before the certificates of a member id bundle.
    #[must_use]
    pub fn with_chain(mut self, new: impl Into<ByteSource>) -> Self {
        match Arc::make_mut(&mut self.identity) {
            SigningIdentity::Member { chain, .. } => *chain = Some(new.into()),
            SigningIdentity::Organisation { chain, .. }
            | SigningIdentity::SelfCertified { chain, .. } => *chain = new.into(),
        }
        self
    }

    /// Returns a signer of another token.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.token = token;
        self
    }

    /// Returns a signer of the same claims for this audience, or for that of its own token.
    fn for_audience(&self, audience: Option<&str>) -> Self {
        let mut signer = self.clone();
        if let Some(audience) = audience {
            let claims = self.token.claims().clone().into_iter();
            let token = Token::new(audience);
            signer.token = claims.fold(token, |token, (name, value)| token.with_claim(name, value));
        }
        signer
    }

    fn sign(&self) -> Result<ExpiringBundle, LocalSignerError> {
        let now = self.clock.now().ok_or(LocalSignerError::ClockUnavailable)?;
        let request = TokenRequest::issued_at(&self.token, now, self.lifetime)
            .with_backdating(self.backdating);
        let bundle = match &*self.identity {
            SigningIdentity::Member { id, chain } => {
                let (id, chain) = (id.read()?, chain.as_ref().map(ByteSource::read).transpose()?);
                let mut id = MemberIdBundle::from_der(&id)?;
                if let Some(chain) = &chain {
                    id = id.with_dnssec_chain(DnssecChain::messages_from_der(chain)?);
                }
                self.key_use.check(&id);
                request.sign_by_member(&id, &*self.signer)?
            }
            SigningIdentity::Organisation { certificate, chain, member } => {
                let chain = chain.read()?;
                let chain = DnssecChain::messages_from_der(&chain)?;
                request.sign_by_organisation(certificate, &chain, member, &*self.signer)?
            }
            SigningIdentity::SelfCertified { organisation, chain, member, member_signer } => {
                let chain = chain.read()?;
                let chain = DnssecChain::messages_from_der(&chain)?;
                self.certify(&request, organisation, &chain, member, member_signer.as_deref())?
            }
        };
        Ok(ExpiringBundle::new(bundle, request.period().end()))
    }
}

impl LocalSigner {
    /// Issues the certificates of a token, and signs it.
    fn certify(
        &self,
        request: &TokenRequest<'_>,
        organisation: &OrganisationName,
        chain: &[&[u8]],
        member: &Member,
        member_signer: Option<&(dyn Signer + Send + Sync)>,
    ) -> Result<TokenBundle, TokenIssueError> {
        let (key, hash) = (self.signer.subject_public_key_info(), self.signer.hash());
        let period = request.period();
        let organisation = OrganisationCertificate::prepare(organisation, key, hash, period)?;
        let organisation = organisation.sign(&*self.signer)?;
        let Some(member_signer) = member_signer else {
            return request.sign_by_organisation(&organisation, chain, member, &*self.signer);
        };
        let key = member_signer.subject_public_key_info();
        let certificate = MemberCertificate::prepare(member, key, &organisation, hash, period)?;
        let id = member_id_bundle(&organisation, &certificate.sign(&*self.signer)?, chain)?;
        let id = MemberIdBundle::from_der(&id)?;
        self.key_use.check(&id);
        request.sign_by_member(&id, member_signer)
    }
}

#[async_trait]
impl TokenBundleSource for LocalSigner {
    async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        let signer = self.for_audience(audience);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let issued = spawn_blocking(move || signer.sign()).await.map_err(SourceError::new)?;
        issued.map_err(SourceError::new)
    }
}

/// Omits the key and the claims of the token.
impl std::fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let audience = self.token.audience();
        f.debug_struct("LocalSigner").field("audience", &audience).finish_non_exhaustive()
    }
}
