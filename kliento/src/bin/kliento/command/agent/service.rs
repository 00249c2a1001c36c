//! What a configuration serves: the rules, the tokens and the chain.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use http_guard::{event, log_text_up_to};
use kliento::Timestamp;
use kliento_tower::client::{ChainSource, ChainTask, TokenAgent};

use super::AgentFailure;
use super::allow::AllowList;
use super::check;
use super::config::{Config, Listen};
use super::credentials::Credentials;
use super::identity::{self, ChainSettings};
use super::token_errors::TokenErrors;
use crate::arguments::now;
use crate::failure::Failure;

/// What a configuration serves. A reload replaces it as a whole.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) allow: AllowList,
    pub(super) agent: TokenAgent,
    pub(super) listen: Listen,
    chain: Option<KeptChain>,
    /// The keys of the tokens that are not exchanged.
    pub(super) credentials: Option<Credentials>,
    /// The audiences whose tokens are exchanged.
    exchanged: BTreeSet<String>,
    pub(super) loaded_at: Timestamp,
    /// The error of the last reload, if it failed.
    pub(super) reload_error: Option<String>,
    pub(super) token_errors: Arc<TokenErrors>,
}

/// A chain and its task, which reloads keep if the settings are the same: the last valid chain may
/// be the only one that can be had.
#[derive(Clone)]
struct KeptChain {
    settings: ChainSettings,
    source: ChainSource,
    _task: Arc<ChainTask>,
}

/// The configuration file, and the arguments that are beside it.
pub(super) struct Loader {
    pub(super) path: PathBuf,
    pub(super) default_uids: BTreeSet<u32>,
    /// Whether the default is that of `--allow-uid`.
    pub(super) has_allow_uid: bool,
    /// Whether the agent listens on the loopback interface, as far as that is known.
    pub(super) is_loopback: bool,
}

impl Loader {
    /// Reads the configuration and its keys, and starts the chain's task.
    ///
    /// The chain of the last service is kept if the new one has the same settings. Otherwise it is
    /// used until the new one is fetched, if it is valid for the new settings.
    pub(super) async fn load(&self, last: Option<&Service>) -> Result<Service, Failure> {
        let config = Config::read(&self.path)?;
        check::check(&config, self.has_allow_uid)?;
        let last = last.and_then(|last| last.chain.as_ref());
        let chain = match ChainSettings::new(&config)? {
            None => None,
            Some(settings) => Some(match last {
                Some(last) if last.settings == settings => last.clone(),
                last => KeptChain::start(settings, last).await?,
            }),
        };
        let source = chain.as_ref().map(|chain| &chain.source);
        let (agent, credentials) = identity::token_agent(&config, source)?;
        let exchanges = &config.identity.exchange;
        let service = Service {
            exchanged: exchanges.iter().map(|exchange| exchange.audience.clone()).collect(),
            allow: AllowList::new(config.rules, &self.default_uids),
            agent,
            listen: config.listen,
            chain,
            credentials,
            loaded_at: now()?,
            reload_error: None,
            token_errors: Arc::default(),
        };
        self.check_loopback(&service)?;
        Ok(service)
    }

    /// Rejects rules that no caller on the loopback interface can meet.
    pub(super) fn check_loopback(&self, service: &Service) -> Result<(), AgentFailure> {
        if self.is_loopback && !service.allow.is_for_any_caller() {
            let unmet =
                "a caller on the loopback interface has no uid: each rule needs uid = \"any\"";
            return Err(AgentFailure::Contradiction(unmet));
        }
        Ok(())
    }
}

impl KeptChain {
    async fn start(settings: ChainSettings, last: Option<&Self>) -> Result<Self, Failure> {
        let source = settings.source()?;
        if let Some(chain) = last.and_then(|last| last.source.status().chain)
            && let Err(error) = source.adopt(&chain).await
        {
            let error = log_text_up_to(300, error);
            event!(info, error, "the last chain is not one of the new configuration");
        }
        let task = source.start().map_err(AgentFailure::from)?;
        Ok(Self { settings, source, _task: Arc::new(task) })
    }
}

impl Service {
    /// Returns the chain, if a key of the configuration needs one.
    pub(super) fn chain(&self) -> Option<&ChainSource> {
        self.chain.as_ref().map(|chain| &chain.source)
    }

    /// Returns whether the tokens for this audience come from VeraId Authority.
    pub(super) fn is_exchanged(&self, audience: &str) -> bool {
        self.exchanged.contains(audience)
    }

    /// Returns the same service, after a reload that failed.
    pub(super) fn with_reload_error(&self, error: String) -> Self {
        Self { reload_error: Some(error), ..self.clone() }
    }
}
