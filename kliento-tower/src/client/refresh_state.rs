//! The state of a client's bundle: the cached bundle, the last failure, and the next refresh.

use std::time::Duration;

use http::HeaderValue;
use kliento_core::Timestamp;
use tokio::sync::watch;

use super::{BundleError, ExpiringBundle, SourceError};

/// The header's value, or the reason for its absence.
pub(super) type HeaderResult = Result<ReadyHeader, BundleError>;

/// Receives the result of a refresh in progress.
pub(super) type PendingRefresh = watch::Receiver<Option<HeaderResult>>;

/// The value of an `Authorization` header, which is marked as sensitive, and its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyHeader {
    pub(super) value: HeaderValue,
    fetched_at: Timestamp,
    valid_from: Option<Timestamp>,
    pub(super) valid_until: Timestamp,
}

#[derive(Default)]
pub(super) struct RefreshState {
    pub(super) pending: Option<PendingRefresh>,
    cached: Option<ReadyHeader>,
    /// The error of the last refresh, if it failed.
    failure: Option<BundleError>,
    delay: Option<RefreshDelay>,
}

/// What follows from the refusal of a bundle by a server.
pub(super) enum Replacement {
    /// Another one is cached already.
    Cached(ReadyHeader),
    /// A refresh is due.
    Due,
    /// The source must not be queried now.
    Denied,
}

/// The period in which the source is not queried.
struct RefreshDelay {
    since: Timestamp,
    until: Timestamp,
    /// The source has failed, and asked for the delay.
    is_by_source: bool,
}

impl RefreshDelay {
    /// Setting the clock back must not prolong the delay.
    fn contains(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

impl RefreshState {
    const DEFAULT_MARGIN: Duration = Duration::from_secs(60);
    const MIN_DELAY: Duration = Duration::from_secs(1);
    const MAX_DELAY: Duration = Duration::from_secs(60);
    /// The bound on a source's `retry_after`.
    const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

    /// Returns the result for a request, or `None` if a refresh is due.
    pub(super) fn fresh_result(&self, now: Timestamp) -> Option<HeaderResult> {
        self.delay.as_ref().filter(|delay| delay.contains(now))?;
        self.valid_header(now).map(Ok).or_else(|| self.failure.clone().map(Err))
    }

    /// Returns whether the source has failed, and asked not to be queried at this time.
    pub(super) fn is_delayed_by_source(&self, now: Timestamp) -> bool {
        self.delay.as_ref().is_some_and(|delay| delay.is_by_source && delay.contains(now))
    }

    /// Returns the cached header value if it is still valid.
    pub(super) fn valid_header(&self, now: Timestamp) -> Option<ReadyHeader> {
        self.cached.as_ref().filter(|cached| cached.is_valid(now)).cloned()
    }

    /// Decides whether another bundle is fetched in place of one that a server has refused, which
    /// other servers may accept: so it stays until there is another one.
    ///
    /// The source is not queried if it returned the bundle less than a second ago, so that a server
    /// that refuses every bundle does not cause a query per request, nor if it has just failed.
    pub(super) fn replace(&self, refused: &HeaderValue, now: Timestamp) -> Replacement {
        match &self.cached {
            Some(cached) if cached.value != *refused && cached.is_valid(now) => {
                return Replacement::Cached(cached.clone());
            }
            Some(cached) if cached.is_new(now) => return Replacement::Denied,
            _ => {}
        }
        if self.is_delayed_by_failure(now) { Replacement::Denied } else { Replacement::Due }
    }

    /// Returns the result for a request that wants a bundle of at most this age, or `None` if a
    /// refresh is due.
    #[cfg(feature = "agent")]
    pub(super) fn recent_result(&self, max_age: Duration, now: Timestamp) -> Option<HeaderResult> {
        let cached = self.valid_header(now);
        if let Some(recent) = cached.clone().filter(|cached| cached.is_younger(max_age, now)) {
            return Some(Ok(recent));
        }
        let failure = self.failure.clone().filter(|_| self.is_delayed_by_failure(now));
        failure.map(|error| cached.ok_or(error))
    }

    /// Returns whether the last refresh has failed less than a second ago, or the source asks for a
    /// delay since then.
    fn is_delayed_by_failure(&self, now: Timestamp) -> bool {
        let is_recent = |delay: &RefreshDelay| {
            let end = delay.since.saturating_add(Self::MIN_DELAY).unwrap_or(Timestamp::MAX);
            delay.contains(now) && (delay.is_by_source || now < end)
        };
        self.failure.is_some() && self.delay.as_ref().is_some_and(is_recent)
    }

    /// Completes the pending refresh. Returns the header's value, or the error and the cached value
    /// if that is still valid.
    pub(super) fn complete(
        &mut self,
        fetched: Result<ExpiringBundle, BundleError>,
        now: Result<Timestamp, BundleError>,
        margin: Option<Duration>,
    ) -> Result<ReadyHeader, (BundleError, Option<Box<ReadyHeader>>)> {
        self.pending = None;
        let now = now.map_err(|error| (error, None))?;
        match fetched.and_then(|bundle| ReadyHeader::new(&bundle, now)) {
            Ok(ready) => {
                let valid_until = ready.valid_until;
                (self.cached, self.failure) = (Some(ready.clone()), None);
                let default_margin = (until(now, valid_until) / 10).min(Self::DEFAULT_MARGIN);
                let refresh_at = valid_until.saturating_sub(margin.unwrap_or(default_margin));
                let refresh_at = refresh_at.unwrap_or(Timestamp::MIN);
                self.delay_until(now, refresh_at, false);
                Ok(ready)
            }
            Err(error) => {
                let retry_after = retry_after(&error);
                let delay = retry_after.unwrap_or_default().min(Self::MAX_RETRY_AFTER);
                let until = now.saturating_add(delay).unwrap_or(Timestamp::MAX);
                self.delay_until(now, until, retry_after.is_some());
                self.failure = Some(error.clone());
                Err((error, self.valid_header(now).map(Box::new)))
            }
        }
    }

    /// Delays the next refresh until `then`, and for at least a tenth of the remaining validity.
    fn delay_until(&mut self, now: Timestamp, then: Timestamp, is_by_source: bool) {
        let cached = self.cached.as_ref();
        let left = cached.map_or(Duration::ZERO, |cached| until(now, cached.valid_until));
        let min_delay = (left / 10).clamp(Self::MIN_DELAY, Self::MAX_DELAY);
        let until = then.max(now.saturating_add(min_delay).unwrap_or(Timestamp::MAX));
        self.delay = Some(RefreshDelay { since: now, until, is_by_source });
    }
}

impl ReadyHeader {
    /// Returns the value of the `Authorization` header.
    #[must_use]
    pub const fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// Returns the last instant at which the bundle is valid.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && now <= self.valid_until
    }

    fn new(bundle: &ExpiringBundle, now: Timestamp) -> Result<Self, BundleError> {
        let (valid_from, valid_until) = (bundle.valid_from(), bundle.valid_until());
        if valid_until < now {
            return Err(BundleError::Expired { valid_until, now });
        }
        let value = bundle.bundle().to_authorization();
        let mut value = HeaderValue::try_from(value).map_err(SourceError::new)?;
        value.set_sensitive(true);
        Ok(Self { value, fetched_at: now, valid_from, valid_until })
    }

    /// Returns whether the source has just returned it. So it is also when the clock was set back.
    fn is_new(&self, now: Timestamp) -> bool {
        self.is_younger(RefreshState::MIN_DELAY, now)
    }

    fn is_younger(&self, age: Duration, now: Timestamp) -> bool {
        now < self.fetched_at.saturating_add(age).unwrap_or(Timestamp::MAX)
    }
}

const fn retry_after(error: &BundleError) -> Option<Duration> {
    let BundleError::Source(error) = error else { return None };
    error.retry_after()
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_until(then)).unwrap_or_default()
}
