//! The limits of a layer whose state is shared: their keys, and the charge that is awaited.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http_guard::Decision;
use smallvec::SmallVec;

use super::guard::{InlineVec, LimitRule, MatchedRule, charge, decision};
use super::key::{MissingKey, RequestKey};
use super::key_digest::DigestHasher;
use super::{LimitFallback, LimitKey, Remaining, SharedLimits};
use crate::Rejection;

/// The shared limits of a layer.
#[derive(Clone)]
pub(super) struct SharedRules {
    limits: Arc<SharedLimits>,
    scope: String,
    /// The beginnings of the digests of each of the layer's limits.
    hashers: Vec<DigestHasher>,
    /// The partition of all keys, if the layer has several limits.
    partition: Option<u16>,
}

/// A charge of a request: what the store decides about.
pub(super) struct SharedCharge {
    pub(super) limits: Arc<SharedLimits>,
    /// Each rule has its key at the same index.
    pub(super) rules: InlineVec<Arc<LimitRule>>,
    pub(super) keys: InlineVec<LimitKey>,
    pub(super) cost: u32,
    pub(super) sends_headers: bool,
}

/// What remains of each limit, and how long to wait if the request is rejected.
type Outcome = (InlineVec<Remaining>, Option<Duration>);

impl SharedRules {
    pub(super) fn new(limits: SharedLimits, scope: String, rules: &[Arc<LimitRule>]) -> Self {
        let limits = Arc::new(limits);
        let mut shared = Self { limits, scope, hashers: Vec::new(), partition: None };
        shared.update(rules);
        shared
    }

    /// Derives the beginnings of digests and the partition from the layer's limits.
    ///
    /// The keys of a request have a partition in common. Those of a single limit are spread over
    /// all partitions. With several limits, any two keys can meet in a request, so all keys of the
    /// layer are in one partition.
    pub(super) fn update(&mut self, rules: &[Arc<LimitRule>]) {
        let names = || rules.iter().map(|rule| rule.name());
        // Limits of the same name are told apart by their order.
        let number = |index, name| names().take(index).filter(|other| *other == name).count();
        let hashers = names().enumerate().map(|(index, name)| {
            let number = u64::try_from(number(index, name)).unwrap_or(u64::MAX);
            let mut label = length_prefixed(&self.scope);
            label.extend(length_prefixed(name));
            label.extend(number.to_le_bytes());
            self.limits.digest_key().hasher(&label)
        });
        self.hashers = hashers.collect();
        let scope = || self.limits.digest_key().hasher(&length_prefixed(&self.scope));
        self.partition = (rules.len() > 1).then(|| partition(scope().digest()));
    }

    pub(super) const fn limits(&self) -> &Arc<SharedLimits> {
        &self.limits
    }

    /// Returns the beginning of the digests of each of the layer's limits, in their order.
    pub(super) fn hashers(&self) -> &[DigestHasher] {
        &self.hashers
    }

    /// Returns the key of a request for a limit, given the beginning of its digest.
    pub(super) fn key(
        &self,
        hasher: &DigestHasher,
        rule: &LimitRule,
        request: &RequestKey<'_>,
    ) -> Result<LimitKey, MissingKey> {
        let mut hasher = hasher.clone();
        request.hash(&mut hasher)?;
        let digest = hasher.digest();
        let partition = self.partition.unwrap_or_else(|| partition(digest));
        Ok(LimitKey::new(digest, partition, rule.limit()))
    }
}

impl SharedCharge {
    /// Charges the keys, and decides about the request.
    pub(super) async fn decide(self) -> Decision<Rejection> {
        let (remaining, retry_delay) = self.charge().await?;
        let rules = self.rules.iter().map(Arc::as_ref);
        decision(rules, &remaining, retry_delay, self.sends_headers)
    }

    pub(super) async fn charge(&self) -> Result<Outcome, Rejection> {
        if let Some(decision) = self.limits.charge(&self.keys, self.cost).await {
            return Ok((SmallVec::from_slice(decision.remaining()), decision.retry_after()));
        }
        match self.limits.fallback() {
            LimitFallback::Share { nodes } => Ok(self.charge_share(nodes)),
            LimitFallback::Reject => Err(Rejection::Unavailable("shared rate limits")),
        }
    }

    /// Charges the share of this node, in the memory of the layer's limiters.
    fn charge_share(&self, nodes: NonZeroU32) -> Outcome {
        let matched_rules = self.rules.iter().zip(&self.keys).map(|(rule, key)| MatchedRule {
            rule,
            key: rule.limiter().hash_key(&key.digest()),
            rate: rule.limit().rate().share(nodes),
        });
        let matched_rules: InlineVec<_> = matched_rules.collect();
        let mut remaining = InlineVec::new();
        let retry_delay = charge(&matched_rules, self.cost, None, Some(&mut remaining));
        remaining.reverse();
        (remaining, retry_delay)
    }
}

/// Prefixed with its length, a text is not the beginning of another one.
fn length_prefixed(text: &str) -> Vec<u8> {
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    [&length.to_le_bytes(), text.as_bytes()].concat()
}

fn partition(digest: [u8; LimitKey::DIGEST_OCTETS]) -> u16 {
    let [high, low, ..] = digest;
    u16::from_be_bytes([high, low])
}
