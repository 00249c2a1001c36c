//! What a configuration serves: the rules, the tokens and the chain.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kliento::{Period, Timestamp};
use kliento_tower::client::{ChainSource, ChainTask, TokenAgent};

use super::allow::AllowList;
use super::config::{Config, Listen};
use super::identity::{self, ChainSettings};
use crate::arguments::now;
use crate::failure::Failure;

/// What a configuration serves. A reload replaces it as a whole.
pub(super) struct Service {
    pub(super) allow: AllowList,
    pub(super) agent: TokenAgent,
    pub(super) listen: Listen,
    chain: Option<KeptChain>,
    pub(super) certificates: Vec<(&'static str, Period)>,
    pub(super) loaded_at: Timestamp,
    /// The error of the last reload, if it failed.
    pub(super) reload_error: Option<String>,
    /// The error of the last token, if it failed.
    token_error: Arc<Mutex<Option<String>>>,
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
}

impl Loader {
    /// Reads the configuration and its keys, and starts the chain's task.
    ///
    /// The chain of the last service is kept if the new one has the same settings.
    pub(super) fn load(&self, last: Option<&Service>) -> Result<Service, Failure> {
        let config = Config::read(&self.path)?;
        let last = last.and_then(|last| last.chain.as_ref());
        let chain = match ChainSettings::new(&config)? {
            None => None,
            Some(settings) => {
                let same = last.filter(|last| last.settings == settings);
                Some(same.cloned().map_or_else(|| KeptChain::start(settings), Ok)?)
            }
        };
        let source = chain.as_ref().map(|chain| &chain.source);
        let agent = identity::token_agent(&config, source)?;
        let certificates = identity::certificates(&config);
        let allow = AllowList::new(config.rules, &self.default_uids);
        let (listen, loaded_at) = (config.listen, now()?);
        let (reload_error, token_error) = (None, Arc::default());
        let service = Service {
            allow,
            agent,
            listen,
            chain,
            certificates,
            loaded_at,
            reload_error,
            token_error,
        };
        Ok(service)
    }
}

impl KeptChain {
    fn start(settings: ChainSettings) -> Result<Self, Failure> {
        let source = settings.source()?;
        let task = source.start().map_err(super::AgentFailure::from)?;
        Ok(Self { settings, source, _task: Arc::new(task) })
    }
}

impl Service {
    /// Returns the chain, if a key of the configuration needs one.
    pub(super) fn chain(&self) -> Option<&ChainSource> {
        self.chain.as_ref().map(|chain| &chain.source)
    }

    /// Returns the same service, after a reload that failed.
    pub(super) fn with_reload_error(&self, error: String) -> Self {
        Self {
            allow: self.allow.clone(),
            agent: self.agent.clone(),
            listen: self.listen.clone(),
            chain: self.chain.clone(),
            certificates: self.certificates.clone(),
            loaded_at: self.loaded_at,
            reload_error: Some(error),
            token_error: Arc::clone(&self.token_error),
        }
    }

    /// Records the result of the last token, for the status.
    pub(super) fn record_token(&self, error: Option<String>) {
        *self.token_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    pub(super) fn token_error(&self) -> Option<String> {
        self.token_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
