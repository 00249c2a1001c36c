//! The status of the agent, for operators.

use kliento::{Claims, Period, Timestamp, Token};
use kliento_tower::client::{ChainSource, FreshChain, ReadyHeader};
use serde::{Deserialize, Serialize};

use super::allow::Caller;
use super::service::Service;
use crate::arguments::now;

/// The response to `GET /status`. Instants are in RFC 3339.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct StatusReport {
    pub(super) now: String,
    /// Whether tokens can be issued, as far as the chain and the certificates tell.
    pub(super) fresh: bool,
    pub(super) organisation: Option<String>,
    pub(super) loaded_at: String,
    pub(super) reload_error: Option<String>,
    /// The error of the last token, if it failed.
    pub(super) token_error: Option<String>,
    pub(super) chain: Option<ChainReport>,
    pub(super) certificates: Vec<PeriodReport>,
    pub(super) tokens: Vec<TokenReport>,
}

/// What the status says of the chain.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ChainReport {
    pub(super) valid_from: Option<String>,
    pub(super) valid_until: Option<String>,
    pub(super) fetched_at: Option<String>,
    pub(super) next_fetch: Option<String>,
    pub(super) error: Option<String>,
    pub(super) store_error: Option<String>,
}

/// A certificate's validity.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct PeriodReport {
    pub(super) name: String,
    pub(super) valid_from: String,
    pub(super) valid_until: String,
}

/// A token in the cache.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct TokenReport {
    pub(super) audience: String,
    pub(super) claims: Claims,
    pub(super) valid_until: String,
}

impl StatusReport {
    /// Creates the status, with the tokens that the caller may have.
    pub(super) fn new(service: &Service, caller: Caller) -> Self {
        let now = now().unwrap_or(Timestamp::MIN);
        let chain = service.chain();
        let certificates = &service.certificates;
        let are_certificates_valid = certificates.iter().all(|(_, period)| period.contains(now));
        let tokens = service.agent.cached().into_iter();
        let tokens = tokens.filter(|(token, _)| service.allow.allows(caller, token));
        Self {
            now: now.to_string(),
            fresh: are_certificates_valid && chain.is_none_or(|chain| chain.current().is_ok()),
            organisation: chain.map(|chain| chain.organisation().as_str().to_owned()),
            loaded_at: service.loaded_at.to_string(),
            reload_error: service.reload_error.clone(),
            token_error: service.token_error(),
            chain: chain.map(ChainReport::new),
            certificates: certificates
                .iter()
                .map(|(name, period)| PeriodReport::new(name, *period))
                .collect(),
            tokens: tokens.map(TokenReport::new).collect(),
        }
    }
}

impl ChainReport {
    fn new(source: &ChainSource) -> Self {
        let status = source.status();
        let chain = status.chain.as_deref();
        let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
        Self {
            valid_from: text(chain.map(|chain| chain.period().start())),
            valid_until: text(chain.map(FreshChain::valid_until)),
            fetched_at: text(chain.map(FreshChain::fetched_at)),
            next_fetch: text(status.next_fetch.map(to_second)),
            error: status.error.map(|error| error.to_string()),
            store_error: status.store_error.map(|error| error.to_string()),
        }
    }
}

/// The delays between fetches are random, so their fractions of a second tell nothing.
fn to_second(instant: Timestamp) -> Timestamp {
    instant.round(jiff::Unit::Second).unwrap_or(instant)
}

impl PeriodReport {
    fn new(name: &str, period: Period) -> Self {
        let [valid_from, valid_until] = [period.start(), period.end()].map(|end| end.to_string());
        Self { name: name.to_owned(), valid_from, valid_until }
    }
}

impl TokenReport {
    fn new((token, ready): (Token, ReadyHeader)) -> Self {
        let (audience, valid_until) = (token.audience().to_owned(), ready.valid_until());
        Self { audience, claims: token.into_claims(), valid_until: valid_until.to_string() }
    }
}
