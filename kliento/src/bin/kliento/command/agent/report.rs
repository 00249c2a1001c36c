//! The status of the agent, for operators.

use kliento::{Claims, Period, Timestamp, Token};
use kliento_tower::client::{ChainSource, FreshChain, ReadyHeader};
use serde::{Deserialize, Serialize};

use super::allow::Caller;
use super::credentials::Inspection;
use super::service::Service;
use crate::arguments::now;

/// The response to `GET /status`. Instants are in RFC 3339.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct StatusReport {
    pub(super) now: String,
    /// Whether tokens can be issued, as far as the chain, the credentials and recent failures tell.
    pub(super) fresh: bool,
    pub(super) organisation: Option<String>,
    pub(super) loaded_at: String,
    pub(super) reload_error: Option<String>,
    /// The latest error of a token, within 5 minutes and since the last token for its audience.
    pub(super) token_error: Option<String>,
    /// The reason why the keys do not fit the member id bundle or the chain.
    pub(super) identity_error: Option<String>,
    pub(super) chain: Option<ChainReport>,
    pub(super) certificates: Vec<PeriodReport>,
    pub(super) tokens: Vec<TokenReport>,
    /// How many tokens are left out, so that the response is not too large.
    pub(super) omitted_tokens: usize,
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
    /// The maximum size of tokens in a response, without the names of the members.
    const MAX_TOKEN_OCTETS: usize = 256 * 1024;

    /// Creates the status, with the tokens that the caller may have. Reads files.
    pub(super) fn new(service: &Service, caller: Caller) -> Self {
        let now = now().unwrap_or(Timestamp::MIN);
        let chain = service.chain();
        let current = chain.map(ChainSource::current);
        let is_chain_valid = current.as_ref().is_none_or(Result::is_ok);
        let current = current.and_then(Result::ok);
        let credentials = service.credentials.as_ref();
        let inspection = credentials.map(|own| own.inspect(current.as_deref(), now));
        let Inspection { certificates, error: identity_error } = inspection.unwrap_or_default();
        let are_certificates_valid = certificates.iter().all(|(_, period)| period.contains(now));
        let token_error = service.token_errors.latest();
        let is_usable = identity_error.is_none() && token_error.is_none();
        let cached = service.agent.cached().into_iter();
        let cached = cached.filter(|(token, _)| service.allow.allows(caller, token));
        let (tokens, omitted_tokens) = TokenReport::up_to(Self::MAX_TOKEN_OCTETS, cached);
        Self {
            now: now.to_string(),
            fresh: are_certificates_valid && is_chain_valid && is_usable,
            organisation: chain.map(|chain| chain.organisation().as_str().to_owned()),
            loaded_at: service.loaded_at.to_string(),
            reload_error: service.reload_error.clone(),
            token_error,
            identity_error,
            chain: chain.map(ChainReport::new),
            certificates: certificates
                .iter()
                .map(|(name, period)| PeriodReport::new(name, *period))
                .collect(),
            tokens,
            omitted_tokens,
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
    /// Returns as many as fit, and how many others there are.
    fn up_to(
        max_octets: usize,
        cached: impl Iterator<Item = (Token, ReadyHeader)>,
    ) -> (Vec<Self>, usize) {
        let (mut reports, mut left, mut omitted) = (Vec::new(), max_octets, 0);
        for (token, ready) in cached {
            // The JSON of a token contains what the report does.
            match left.checked_sub(token.to_json().len()) {
                Some(rest) => {
                    left = rest;
                    reports.push(Self::new(token, &ready));
                }
                None => omitted += 1,
            }
        }
        (reports, omitted)
    }

    fn new(token: Token, ready: &ReadyHeader) -> Self {
        let (audience, valid_until) = (token.audience().to_owned(), ready.valid_until());
        Self { audience, claims: token.into_claims(), valid_until: valid_until.to_string() }
    }
}
