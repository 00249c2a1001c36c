//! The chain and the tokens of a configuration.

use std::path::Path;
use std::time::Duration;

use kliento::issue::MemberIdBundle;
use kliento::{Member, OrganisationName, Token, TrustAnchor};
use kliento_tower::TrustAnchors;
use kliento_tower::client::{ChainFile, ChainSource, LocalSigner, TokenAgent};
use veraid::Certificate;

use super::AgentFailure;
use super::config::{Chain, Config, Identity};
use crate::failure::Failure;
use crate::input::InputSource;
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
        let identity = &config.identity;
        if identity.key.is_none() && identity.member_bundle.is_none() {
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

/// Reads the keys, and creates the agent of the library.
pub(super) fn token_agent(
    config: &Config,
    chain: Option<&ChainSource>,
) -> Result<TokenAgent, Failure> {
    let mut agent = TokenAgent::new().with_trust_anchors(TrustAnchors::new(anchors(config)));
    if let Some(chain) = chain {
        agent = agent.with_signer(with_settings(signer(&config.identity, chain)?, config)?);
    }
    let exchanges = &config.identity.exchange;
    if chain.is_none() && exchanges.is_empty() {
        let missing = "identity has none of key, member-bundle and exchange";
        return Err(AgentFailure::Contradiction(missing).into());
    }
    exchanges.iter().try_fold(agent, with_exchange)
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

fn signer(identity: &Identity, chain: &ChainSource) -> Result<LocalSigner, Failure> {
    let token = Token::new("");
    match (&identity.key, &identity.member_bundle, &identity.member_key) {
        (Some(_), Some(_), _) => {
            Err(AgentFailure::Contradiction("identity.key and identity.member-bundle").into())
        }
        (None, Some(bundle), Some(key)) => {
            if identity.member.is_some() {
                let contradiction = "identity.member and identity.member-bundle";
                return Err(AgentFailure::Contradiction(contradiction).into());
            }
            check_member_bundle(bundle)?;
            let signer = LocalSigner::member(bundle.as_path(), key.open()?, token);
            Ok(signer.with_chain(chain.clone()))
        }
        (Some(key), None, member_key) => {
            let (organisation, chain) = (chain.organisation().clone(), chain.clone());
            let member = identity.member.clone().map_or(Member::Bot, Member::User);
            let key = key.open()?;
            let signer = LocalSigner::self_certified(organisation, chain, member, key, token);
            let member_key = member_key.as_ref().map(KeySource::open).transpose()?;
            Ok(member_key.into_iter().fold(signer, LocalSigner::with_member_signer))
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

/// A bundle that is malformed now is an error of the configuration. Later it is one of a renewal.
fn check_member_bundle(path: &Path) -> Result<(), Failure> {
    let octets = InputSource::File(path.to_owned()).read()?;
    MemberIdBundle::from_der(&octets).map_err(kliento::issue::TokenIssueError::from)?;
    Ok(())
}

/// Returns the names and the periods of the certificates of a member id bundle.
pub(super) fn certificates(config: &Config) -> Vec<(&'static str, kliento::Period)> {
    let Some(path) = &config.identity.member_bundle else { return Vec::new() };
    let Ok(octets) = InputSource::File(path.clone()).read() else { return Vec::new() };
    let Ok(bundle) = MemberIdBundle::from_der(&octets) else { return Vec::new() };
    let period = |certificate: &Certificate<'_>| {
        kliento::Period::new(certificate.not_before(), certificate.not_after())
    };
    let certificates = [
        ("organisation's certificate", bundle.organisation_certificate()),
        ("member's certificate", bundle.member_certificate()),
    ];
    let periods = certificates
        .into_iter()
        .map(|(name, certificate)| period(certificate).map(|period| (name, period)));
    periods.flatten().collect()
}
