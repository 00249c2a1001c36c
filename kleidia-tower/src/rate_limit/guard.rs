//! The check of a request: determines its keys, and charges all limits or none.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, Request};
use http_guard::{Allowed, Check, Decision, Guard, RejectionRenderer, event};
use smallvec::SmallVec;

use super::bucket_table::KeyHash;
use super::key::{MissingKey, RequestKey};
use super::{ClientAddress, Key, RateLimiter, Remaining, RequestHead, TrustedProxies, headers};
use crate::Rejection;
use crate::rejection::default_renderer;
use crate::telemetry::log_rejection;

/// The state that all services of a [`RateLimitLayer`](super::RateLimitLayer) share.
#[derive(Clone)]
pub struct RateLimitGuard {
    /// All layers that share some of the rules lock them in the same order.
    pub(super) rules: Vec<Arc<LimitRule>>,
    pub(super) proxies: TrustedProxies,
    pub(super) cost: Cost,
    pub(super) sends_headers: bool,
    pub(super) renderer: RejectionRenderer<Rejection>,
    /// Whether it was logged that the client's address is unknown.
    logged_unknown_address: Arc<AtomicBool>,
}

/// A limit, and its key.
pub(super) struct LimitRule {
    name: String,
    policy: String,
    key: Key,
    limiter: RateLimiter,
}

/// The cost of a request.
#[derive(Clone)]
pub(super) enum Cost {
    Fixed(u32),
    Function(Arc<dyn Fn(&RequestHead<'_>) -> u32 + Send + Sync>),
}

/// Most layers have one limit or two, for which nothing is allocated.
type InlineVec<T> = SmallVec<[T; 2]>;

impl Guard for RateLimitGuard {
    type Rejection = Rejection;
    type Lookup = Infallible;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Infallible, Rejection> {
        Check::Ready(self.check(request))
    }

    fn finish<B>(&self, _: &mut Request<B>, lookup: Infallible) -> Decision<Rejection> {
        match lookup {}
    }

    fn renderer(&self) -> &RejectionRenderer<Rejection> {
        &self.renderer
    }

    fn on_rejection(&self, rejection: &Rejection) {
        log_rejection(rejection);
    }
}

impl RateLimitGuard {
    fn check<B>(&self, request: &mut Request<B>) -> Decision<Rejection> {
        let address = self.client_address(request);
        let head = RequestHead::from_request(request);
        // The caller's functions run before any bucket is locked.
        let (cost, matched_rules) =
            (self.cost.for_request(&head), self.matched_rules(head, address)?);
        let mut remaining = InlineVec::new();
        let pushed = self.sends_headers.then_some(&mut remaining);
        let retry_delay = charge(&matched_rules, cost, None, pushed);
        remaining.reverse();
        let headers =
            if self.sends_headers { rate_limit_headers(&matched_rules, &remaining) } else { None };
        match retry_delay {
            None => Ok(Allowed { response_headers: headers, ..Allowed::default() }),
            Some(retry_after) => Err(Rejection::RateLimited { retry_after, headers }),
        }
    }

    /// Returns what remains of each limit that applies to a request.
    pub(super) fn peek<B>(
        &self,
        request: &Request<B>,
    ) -> Result<Vec<(&str, Remaining)>, Rejection> {
        let address = self.proxies.find_client_address(request);
        let matched_rules = self.matched_rules(RequestHead::from_request(request), address)?;
        let remaining = matched_rules.iter().map(|(rule, key)| {
            let remaining = rule.limiter.prepare_charge(*key, 0).remaining(false);
            (rule.name.as_str(), remaining)
        });
        Ok(remaining.collect())
    }

    /// Returns the client's address. If proxies or prefixes are set, inserts it into the extensions.
    fn client_address<B>(&self, request: &mut Request<B>) -> Option<ClientAddress> {
        if self.proxies.is_empty() {
            return ClientAddress::from_extensions(request.extensions());
        }
        let address = self.proxies.find_client_address(request)?;
        request.extensions_mut().insert(address);
        Some(address)
    }

    /// Returns the limits that apply to a request, each with its key.
    fn matched_rules(
        &self,
        head: RequestHead<'_>,
        address: Option<ClientAddress>,
    ) -> Result<InlineVec<(&LimitRule, KeyHash)>, Rejection> {
        let mut matched_rules = InlineVec::new();
        for rule in &self.rules {
            let key = RequestKey { key: &rule.key, head, address };
            match rule.limiter.hash_key_with(|hasher| key.hash(hasher)) {
                Ok(hash) => matched_rules.push((&**rule, hash)),
                Err(MissingKey::Exempt) => {}
                Err(MissingKey::AddressUnknown) => return Err(self.client_address_unknown()),
            }
        }
        Ok(matched_rules)
    }

    /// Logged once, since it is a mistake in the server's set-up and concerns every request.
    fn client_address_unknown(&self) -> Rejection {
        if !self.logged_unknown_address.swap(true, Ordering::Relaxed) {
            event!(error, error = %Rejection::ClientAddressUnknown, "requests cannot be limited");
        }
        Rejection::ClientAddressUnknown
    }
}

impl LimitRule {
    pub(super) fn new(key: Key, limiter: RateLimiter) -> Self {
        let limit = limiter.limit();
        let name = limit.name().map_or_else(|| key.name(), str::to_owned);
        let policy = headers::policy(&name, limit);
        Self { name, policy, key, limiter }
    }
}

impl Cost {
    fn for_request(&self, head: &RequestHead<'_>) -> u32 {
        match self {
            Self::Fixed(cost) => *cost,
            Self::Function(function) => function(head),
        }
    }
}

impl Default for RateLimitGuard {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            proxies: TrustedProxies::none(),
            cost: Cost::default(),
            sends_headers: false,
            renderer: default_renderer(),
            logged_unknown_address: Arc::default(),
        }
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::Fixed(1)
    }
}

/// Charges all keys, or none and returns how long to wait. Pushes what remains, from the last.
///
/// Each key stays locked until all later ones are decided.
fn charge(
    matched_rules: &[(&LimitRule, KeyHash)],
    cost: u32,
    retry_delay: Option<Duration>,
    mut remaining: Option<&mut InlineVec<Remaining>>,
) -> Option<Duration> {
    let Some(((rule, key), rest)) = matched_rules.split_first() else { return retry_delay };
    let mut pending = rule.limiter.prepare_charge(*key, cost);
    let retry_delay = retry_delay.max(pending.retry_delay());
    let retry_delay = charge(rest, cost, retry_delay, remaining.as_deref_mut());
    if let Some(remaining) = remaining {
        remaining.push(pending.remaining(retry_delay.is_none()));
    }
    if retry_delay.is_none() {
        pending.commit();
    }
    retry_delay
}

fn rate_limit_headers(
    matched_rules: &[(&LimitRule, KeyHash)],
    remaining: &[Remaining],
) -> Option<Box<HeaderMap>> {
    let rules = matched_rules.iter().map(|(rule, _)| *rule);
    let policies: InlineVec<&str> = rules.clone().map(|rule| rule.policy.as_str()).collect();
    let limits = rules.zip(remaining);
    let limits = limits.map(|(rule, remaining)| headers::service_limit(&rule.name, *remaining));
    headers::rate_limit_headers(&policies, &limits.collect::<InlineVec<String>>())
}

impl fmt::Debug for RateLimitGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = self.rules.iter().map(|rule| (&rule.key, rule.limiter.limit()));
        f.debug_list().entries(limits).finish()
    }
}
