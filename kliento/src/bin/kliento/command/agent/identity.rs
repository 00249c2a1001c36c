//! The chain and the tokens of a configuration.

use std::time::Duration;

use kliento::{Member, OrganisationName, Token, TrustAnchor};
use kliento_tower::TrustAnchors;
use kliento_tower::client::{ChainFile, ChainSource, LocalSigner, TokenAgent};

use super::AgentFailure;
use super::check::signs;
use super::config::{Chain, Config, Identity};
use super::credentials::Credentials;
use crate::failure::Failure;
use crate::key_source::KeySource;

/// How often a chain in a file is read by default.
const FILE_INTERVAL: Duration = Duration::from_secs(60);

/// What a configuration says of its chain, to know whether a reload changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainSettings {
    organisation: OrganisationName,
    chain: Chain,
    trust_anchors: Vec<TrustAnchor>,
}

impl ChainSettings {
    /// Returns the settings, or `None` if no key of the configuration needs a chain.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, AgentFailure> {
        if !signs(config) {
            return Ok(None);
        }
        let missing = AgentFailure::Contradiction("organisation is missing");
        let organisation = config.organisation.clone().ok_or(missing)?;
        let (chain, trust_anchors) = (config.chain.clone(), anchors(config));
        Ok(Some(Self { organisation, chain, trust_anchors }))
    }

    /// Creates the source of the chain, which is not started.
    pub(super) fn source(&self) -> Result<ChainSource, AgentFailure> {
        let Chain { resolver, file, store, max_interval } = &self.chain;
        let organisation = self.organisation.clone();
        let mut source = match (resolver, file) {
            (Some(_), Some(_)) => {
                return Err(AgentFailure::Contradiction("chain.resolver and chain.file"));
            }
            (resolver, None) => resolver_source(organisation, resolver.as_deref())?,
            (None, Some(file)) => ChainSource::new(organisation, ChainFile::new(file))
                .with_max_interval(FILE_INTERVAL)?,
        };
        if let Some(interval) = max_interval {
            source = source.with_max_interval(*interval)?;
        }
        if let Some(path) = store {
            source = source.with_stored_copy(path);
        }
        Ok(source.with_trust_anchors(TrustAnchors::new(self.trust_anchors.clone())))
    }
}

#[cfg(feature = "cli")]
fn resolver_source(
    organisation: OrganisationName,
    resolver: Option<&str>,
) -> Result<ChainSource, AgentFailure> {
    use kliento_tower::client::Resolver;

    let resolver = match resolver {
        None | Some("system") => Resolver::default(),
        Some(text) => {
            text.parse::<Resolver>().map_err(|error| AgentFailure::Resolver(error.to_string()))?
        }
    };
    Ok(ChainSource::new(organisation, resolver))
}

#[cfg(not(feature = "cli"))]
fn resolver_source(_: OrganisationName, _: Option<&str>) -> Result<ChainSource, AgentFailure> {
    let reason = "this program has no resolver (feature cli): set chain.file";
    Err(AgentFailure::Resolver(reason.to_owned()))
}

/// Reads the keys, and creates the agent of the library. Returns as well what signs.
pub(super) fn token_agent(
    config: &Config,
    chain: Option<&ChainSource>,
) -> Result<(TokenAgent, Option<Credentials>), Failure> {
    let mut agent = TokenAgent::new().with_trust_anchors(TrustAnchors::new(anchors(config)));
    let mut credentials = None;
    if let Some(chain) = chain {
        let (signer, own) = signer(&config.identity, chain)?;
        agent = agent.with_signer(with_settings(signer, config)?);
        credentials = Some(own);
    }
    Ok((config.identity.exchange.iter().try_fold(agent, with_exchange)?, credentials))
}

#[cfg(feature = "cli")]
fn with_exchange(
    agent: TokenAgent,
    exchange: &super::config::Exchange,
) -> Result<TokenAgent, Failure> {
    use kliento_tower::client::{AuthorityExchange, JwtFile};

    let super::config::Exchange { audience, url, jwt_file } = exchange;
    let source = AuthorityExchange::new(url, JwtFile::new(jwt_file)).map_err(AgentFailure::from)?;
    Ok(agent.with_source(audience, source))
}

#[cfg(not(feature = "cli"))]
fn with_exchange(_: TokenAgent, exchange: &super::config::Exchange) -> Result<TokenAgent, Failure> {
    let super::config::Exchange { audience, url, .. } = exchange;
    Err(AgentFailure::NoExchange { audience: audience.clone(), url: url.clone() }.into())
}

fn anchors(config: &Config) -> Vec<TrustAnchor> {
    let anchors = &config.trust_anchors;
    if anchors.is_empty() { TrustAnchor::iana() } else { anchors.clone() }
}

fn signer(identity: &Identity, chain: &ChainSource) -> Result<(LocalSigner, Credentials), Failure> {
    let (token, organisation) = (Token::new(""), chain.organisation().clone());
    match (&identity.key, &identity.member_bundle, &identity.member_key) {
        (Some(_), Some(_), _) => {
            Err(AgentFailure::Contradiction("identity.key and identity.member-bundle").into())
        }
        (None, Some(bundle), Some(key)) => {
            if identity.member.is_some() {
                let contradiction = "identity.member and identity.member-bundle";
                return Err(AgentFailure::Contradiction(contradiction).into());
            }
            let (name, key) = (key.name(), key.open()?);
            let credentials = Credentials::member(organisation, bundle.clone(), name, &*key);
            // What is wrong now is an error of the configuration. Later it is one of a renewal.
            credentials.check()?;
            let signer = LocalSigner::member(bundle.as_path(), key, token);
            Ok((signer.with_chain(chain.clone()), credentials))
        }
        (Some(key), None, member_key) => {
            let chain = chain.clone();
            let member = identity.member.clone().map_or(Member::Bot, Member::User);
            let key = key.open()?;
            let credentials = Credentials::organisation(organisation.clone(), &*key)?;
            let signer = LocalSigner::self_certified(organisation, chain, member, key, token);
            let member_key = member_key.as_ref().map(KeySource::open).transpose()?;
            let signer = member_key.into_iter().fold(signer, LocalSigner::with_member_signer);
            Ok((signer, credentials))
        }
        _ => Err(AgentFailure::Contradiction("identity.member-bundle needs member-key").into()),
    }
}

fn with_settings(mut signer: LocalSigner, config: &Config) -> Result<LocalSigner, AgentFailure> {
    if let Some(lifetime) = config.token.lifetime {
        signer = signer.with_lifetime(lifetime)?;
    }
    if let Some(backdating) = config.token.backdating {
        signer = signer.with_backdating(backdating)?;
    }
    Ok(signer)
}
