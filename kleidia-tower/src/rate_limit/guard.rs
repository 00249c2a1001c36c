//! The check of a request: determines its keys, and charges all limits or none.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, Request};
use http_guard::{Allowed, Check, Decision, Guard, RejectionRenderer, event, log_text_up_to};
use smallvec::SmallVec;

use super::bucket_table::KeyHash;
use super::gcra::Rate;
use super::key::{MissingKey, RequestKey};
use super::shared_rules::{SharedCharge, SharedRules};
use super::{
    ClientAddress, Key, Limit, RateLimiter, Remaining, RequestHead, TrustedProxies, headers,
};
use crate::Rejection;
use crate::instruments;
use crate::rejection::default_renderer;
use crate::telemetry::{MAX_ERROR_CHARACTERS, log_rejection};

/// The state that all services of a [`RateLimitLayer`](super::RateLimitLayer) share.
#[derive(Clone)]
pub struct RateLimitGuard {
    /// All layers that share some of the rules lock them in the same order.
    pub(super) rules: Vec<Arc<LimitRule>>,
    /// `None` if the state is in the memory of the limiters.
    pub(super) shared: Option<SharedRules>,
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

/// A limit that applies to a request, with its key and its rate.
pub(super) struct MatchedRule<'a> {
    pub(super) rule: &'a LimitRule,
    pub(super) key: KeyHash,
    pub(super) rate: Rate,
}

/// The cost of a request.
#[derive(Clone)]
pub(super) enum Cost {
    Fixed(u32),
    Function(Arc<dyn Fn(&RequestHead<'_>) -> u32 + Send + Sync>),
}

/// Most layers have one limit or two, for which nothing is allocated.
pub(super) type InlineVec<T> = SmallVec<[T; 2]>;

impl Guard for RateLimitGuard {
    type Rejection = Rejection;
    /// The decision itself: a store of shared limits is awaited.
    type Lookup = Decision<Rejection>;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Decision<Rejection>, Rejection> {
        let address = self.client_address(request);
        let head = RequestHead::from_request(request);
        match &self.shared {
            None => Check::Ready(self.check(head, address)),
            Some(shared) => self.start_shared(shared, head, address),
        }
    }

    fn finish<B>(&self, _: &mut Request<B>, decision: Decision<Rejection>) -> Decision<Rejection> {
        decision
    }

    fn renderer(&self) -> &RejectionRenderer<Rejection> {
        &self.renderer
    }

    fn on_rejection(&self, rejection: &Rejection) {
        instruments::count_rejection("rate_limit", rejection.code());
        log_rejection(rejection);
    }
}

impl RateLimitGuard {
    fn check(&self, head: RequestHead<'_>, address: Option<ClientAddress>) -> Decision<Rejection> {
        // The caller's functions run before any bucket is locked.
        let (cost, matched_rules) =
            (self.cost.for_request(&head), self.matched_rules(head, address)?);
        let mut remaining = InlineVec::new();
        let pushed = self.sends_headers.then_some(&mut remaining);
        let retry_delay = charge(&matched_rules, cost, None, pushed);
        remaining.reverse();
        let rules = matched_rules.iter().map(|matched| matched.rule);
        decision(rules, &remaining, retry_delay, self.sends_headers)
    }

    fn start_shared(
        &self,
        shared: &SharedRules,
        head: RequestHead<'_>,
        address: Option<ClientAddress>,
    ) -> Check<Decision<Rejection>, Rejection> {
        let cost = self.cost.for_request(&head);
        match self.shared_charge(shared, head, address, cost) {
            Err(rejection) => Check::Ready(Err(rejection)),
            Ok(charge) if charge.keys.is_empty() => Check::Ready(Ok(Allowed::default())),
            // A cost of 0 is always allowed.
            Ok(_) if cost == 0 && !self.sends_headers => Check::Ready(Ok(Allowed::default())),
            Ok(charge) => Check::Pending(Box::pin(charge.decide())),
        }
    }

    /// Returns what remains of each limit that applies to a request.
    pub(super) fn peek<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Result<Vec<(String, Remaining)>, Rejection>> + Send + use<B> {
        let address = self.proxies.find_client_address(request);
        let head = RequestHead::from_request(request);
        let local = self.shared.is_none().then(|| self.peek_local(head, address));
        let shared = self.shared.as_ref();
        let charge = shared.map(|shared| self.shared_charge(shared, head, address, 0));
        async move {
            let Some(charge) = charge.transpose()?.filter(|charge| !charge.keys.is_empty()) else {
                return local.unwrap_or(Ok(Vec::new()));
            };
            let (remaining, _) = charge.charge().await?;
            let names = charge.rules.iter().map(|rule| rule.name().to_owned());
            Ok(names.zip(remaining).collect())
        }
    }

    fn peek_local(
        &self,
        head: RequestHead<'_>,
        address: Option<ClientAddress>,
    ) -> Result<Vec<(String, Remaining)>, Rejection> {
        let matched_rules = self.matched_rules(head, address)?;
        let remaining = matched_rules.iter().map(|MatchedRule { rule, key, rate }| {
            let remaining = rule.limiter.prepare_charge(*key, 0, *rate).remaining(false);
            (rule.name.clone(), remaining)
        });
        Ok(remaining.collect())
    }

    fn shared_charge(
        &self,
        shared: &SharedRules,
        head: RequestHead<'_>,
        address: Option<ClientAddress>,
        cost: u32,
    ) -> Result<SharedCharge, Rejection> {
        let (mut rules, mut keys) = (InlineVec::new(), InlineVec::new());
        for (rule, hasher) in self.rules.iter().zip(shared.hashers()) {
            let key = shared.key(hasher, rule, &RequestKey { key: &rule.key, head, address });
            if let Some(key) = self.unless_exempt(key)? {
                rules.push(Arc::clone(rule));
                keys.push(key);
            }
        }
        let (limits, sends_headers) = (Arc::clone(shared.limits()), self.sends_headers);
        Ok(SharedCharge { limits, rules, keys, cost, sends_headers })
    }

    /// Returns the client's address. If proxies or prefixes are set, inserts it into the
    /// extensions.
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
    ) -> Result<InlineVec<MatchedRule<'_>>, Rejection> {
        let mut matched_rules = InlineVec::new();
        for rule in &self.rules {
            let key = RequestKey { key: &rule.key, head, address };
            let key = rule.limiter.hash_key_with(|hasher| key.hash(hasher));
            if let Some(key) = self.unless_exempt(key)? {
                matched_rules.push(MatchedRule { rule, key, rate: rule.limit().rate() });
            }
        }
        Ok(matched_rules)
    }

    fn unless_exempt<K>(&self, key: Result<K, MissingKey>) -> Result<Option<K>, Rejection> {
        match key {
            Ok(key) => Ok(Some(key)),
            Err(MissingKey::Exempt) => Ok(None),
            Err(MissingKey::AddressUnknown) => Err(self.client_address_unknown()),
        }
    }

    /// Logged once, since it is a mistake in the server's set-up and concerns every request.
    fn client_address_unknown(&self) -> Rejection {
        if !self.logged_unknown_address.swap(true, Ordering::Relaxed) {
            let error = log_text_up_to(MAX_ERROR_CHARACTERS, Rejection::ClientAddressUnknown);
            event!(error, error, "requests cannot be limited");
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

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    pub(super) const fn limit(&self) -> &Limit {
        self.limiter.limit()
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
            shared: None,
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
pub(super) fn charge(
    matched_rules: &[MatchedRule<'_>],
    cost: u32,
    retry_delay: Option<Duration>,
    mut remaining: Option<&mut InlineVec<Remaining>>,
) -> Option<Duration> {
    let Some((MatchedRule { rule, key, rate }, rest)) = matched_rules.split_first() else {
        return retry_delay;
    };
    let mut pending = rule.limiter.prepare_charge(*key, cost, *rate);
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

/// Returns the decision about a request, with what remains of each limit that applies to it.
pub(super) fn decision<'a>(
    rules: impl Iterator<Item = &'a LimitRule> + Clone,
    remaining: &[Remaining],
    retry_delay: Option<Duration>,
    sends_headers: bool,
) -> Decision<Rejection> {
    let headers = if sends_headers { rate_limit_headers(rules, remaining) } else { None };
    match retry_delay {
        None => Ok(Allowed { response_headers: headers, ..Allowed::default() }),
        Some(retry_after) => Err(Rejection::RateLimited { retry_after, headers }),
    }
}

fn rate_limit_headers<'a>(
    rules: impl Iterator<Item = &'a LimitRule> + Clone,
    remaining: &[Remaining],
) -> Option<Box<HeaderMap>> {
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
