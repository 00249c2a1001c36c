//! Decides about requests: finds their keys, and charges all limits or none.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request};
use smallvec::SmallVec;

use super::debts::Fingerprint;
use super::key::{KeyOf, NoKey};
use super::{Budget, ClientAddress, Key, RateLimiter, RequestHead, TrustedProxies, fields};
use crate::Rejection;
use crate::answer::Answer;
use crate::guard::{Guard, Passed, Progress, Verdict};

/// All that the services of a [`RateLimitLayer`](super::RateLimitLayer) share.
#[derive(Clone, Default)]
pub struct RateLimitGuard {
    /// They are locked in this order, which all layers that share some of them agree on.
    pub(super) rules: Vec<Arc<Rule>>,
    pub(super) proxies: TrustedProxies,
    pub(super) cost: Cost,
    pub(super) has_fields: bool,
    pub(super) answer: Answer,
}

/// A limit, and what it counts by.
pub(super) struct Rule {
    name: String,
    policy: String,
    key: Key,
    limiter: RateLimiter,
}

/// What a request costs.
#[derive(Clone)]
pub(super) enum Cost {
    Fixed(u32),
    Of(Arc<dyn Fn(&RequestHead<'_>) -> u32 + Send + Sync>),
}

/// Most layers have one limit or two: then nothing is allocated.
type Few<T> = SmallVec<[T; 2]>;

impl Guard for RateLimitGuard {
    type Finding = Infallible;

    fn begin<B>(&self, request: &mut Request<B>) -> Progress<Infallible> {
        Progress::Decided(self.admit(request))
    }

    fn finish<B>(&self, _: &mut Request<B>, finding: Infallible) -> Verdict {
        match finding {}
    }

    fn answer(&self) -> &Answer {
        &self.answer
    }
}

impl RateLimitGuard {
    fn admit<B>(&self, request: &mut Request<B>) -> Verdict {
        let address = self.address_of(request);
        let head = RequestHead::of(request);
        // Your functions are called before anything is locked.
        let (cost, mut keyed) = (self.cost.of(&head), Few::new());
        self.find_keys(head, address, &mut keyed)?;
        let mut budgets = Few::new();
        let wait = charge(&keyed, cost, None, self.has_fields.then_some(&mut budgets));
        budgets.reverse();
        let headers = if self.has_fields { fields(&keyed, &budgets) } else { None };
        match wait {
            None => Ok(Passed { headers }),
            Some(retry_after) => Err(Rejection::RateLimited { retry_after, headers }),
        }
    }

    /// What a request has left of each limit that is for it.
    pub(super) fn peek<B>(&self, request: &Request<B>) -> Result<Vec<(&str, Budget)>, Rejection> {
        let address = self.proxies.client_address_of(request);
        let mut keyed = Few::new();
        self.find_keys(RequestHead::of(request), address, &mut keyed)?;
        let budgets = keyed.iter().map(|(rule, key)| {
            let budget = rule.limiter.claim(*key, 0).budget(false);
            (rule.name.as_str(), budget)
        });
        Ok(budgets.collect())
    }

    /// The client's address, which goes on with the request if it is not the peer's.
    fn address_of<B>(&self, request: &mut Request<B>) -> Option<ClientAddress> {
        if self.proxies.are_none() {
            return ClientAddress::of(request.extensions());
        }
        let address = self.proxies.client_address_of(request)?;
        request.extensions_mut().insert(address);
        Some(address)
    }

    /// Finds the limits that are for a request, each with its key.
    fn find_keys<'a>(
        &'a self,
        head: RequestHead<'_>,
        address: Option<ClientAddress>,
        keyed: &mut Few<(&'a Rule, Fingerprint)>,
    ) -> Result<(), Rejection> {
        for rule in &self.rules {
            let key = KeyOf { key: &rule.key, head, address };
            match rule.limiter.fingerprint_by(|hasher| key.hash(hasher)) {
                Ok(fingerprint) => keyed.push((&**rule, fingerprint)),
                Err(NoKey::Exempt) => {}
                Err(NoKey::NoAddress) => {
                    return Err(Rejection::Unavailable("the server tells no peer's address"));
                }
            }
        }
        Ok(())
    }
}

impl Rule {
    pub(super) fn new(key: Key, limiter: RateLimiter) -> Self {
        let limit = limiter.limit();
        let name = limit.name().map_or_else(|| key.name(), str::to_owned);
        let policy = fields::policy(&name, limit);
        Self { name, policy, key, limiter }
    }
}

impl Cost {
    fn of(&self, head: &RequestHead<'_>) -> u32 {
        match self {
            Self::Fixed(cost) => *cost,
            Self::Of(function) => function(head),
        }
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::Fixed(1)
    }
}

/// Charges all keys, or none and tells how long to wait; and what they have then, from the last.
///
/// Each key stays locked until it is known of those that follow whether they can be charged.
fn charge(
    keyed: &[(&Rule, Fingerprint)],
    cost: u32,
    wait: Option<Duration>,
    mut budgets: Option<&mut Few<Budget>>,
) -> Option<Duration> {
    let Some(((rule, key), rest)) = keyed.split_first() else { return wait };
    let mut claim = rule.limiter.claim(*key, cost);
    let wait = charge(rest, cost, wait.max(claim.wait()), budgets.as_deref_mut());
    if let Some(budgets) = budgets {
        budgets.push(claim.budget(wait.is_none()));
    }
    if wait.is_none() {
        claim.charge();
    }
    wait
}

/// The `RateLimit` fields of some limits.
fn fields(keyed: &[(&Rule, Fingerprint)], budgets: &[Budget]) -> Option<Box<HeaderMap>> {
    let policies: Few<&str> = keyed.iter().map(|(rule, _)| rule.policy.as_str()).collect();
    let named = keyed.iter().zip(budgets);
    let limits = named.map(|((rule, _), budget)| fields::service_limit(&rule.name, *budget));
    fields::fields(&policies, &limits.collect::<Few<String>>())
}

impl fmt::Debug for RateLimitGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = self.rules.iter().map(|rule| (&rule.key, rule.limiter.limit()));
        f.debug_list().entries(limits).finish()
    }
}
