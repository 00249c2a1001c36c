//! The state of a client's bundle: the cached bundle, the last failure, and the next refresh.

use std::time::Duration;

use http::HeaderValue;
use kliento::Timestamp;
use tokio::sync::watch;

use super::{BundleError, ExpiringBundle, SourceError};

/// The header's value, or the reason for its absence.
pub(super) type HeaderResult = Result<HeaderValue, BundleError>;

/// Receives the result of a refresh in progress.
pub(super) type PendingRefresh = watch::Receiver<Option<HeaderResult>>;

#[derive(Default)]
pub(super) struct RefreshState {
    pub(super) pending: Option<PendingRefresh>,
    cached: Option<CachedBundle>,
    /// The error of the last refresh, if it failed.
    failure: Option<BundleError>,
    delay: Option<RefreshDelay>,
}

struct CachedBundle {
    value: HeaderValue,
    valid_until: Timestamp,
}

/// The period in which the source is not queried.
struct RefreshDelay {
    since: Timestamp,
    until: Timestamp,
}

impl RefreshState {
    const DEFAULT_MARGIN: Duration = Duration::from_secs(60);
    const MIN_DELAY: Duration = Duration::from_secs(1);
    const MAX_DELAY: Duration = Duration::from_secs(60);
    /// The bound on a source's `retry_after`.
    const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

    /// Returns the result for a request, or `None` if a refresh is due.
    pub(super) fn fresh_result(&self, now: Timestamp) -> Option<HeaderResult> {
        // Setting the clock back must not prolong the delay.
        let is_delayed =
            self.delay.as_ref().is_some_and(|delay| delay.since <= now && now < delay.until);
        if !is_delayed {
            return None;
        }
        self.valid_header(now).map(Ok).or_else(|| self.failure.clone().map(Err))
    }

    /// Returns the cached header value if it is still valid.
    pub(super) fn valid_header(&self, now: Timestamp) -> Option<HeaderValue> {
        let valid = self.cached.as_ref().filter(|cached| now <= cached.valid_until);
        valid.map(|cached| cached.value.clone())
    }

    /// Completes the pending refresh. Returns the header's value and its expiry, or the error and
    /// the cached value if that is still valid.
    pub(super) fn complete(
        &mut self,
        fetched: Result<ExpiringBundle, BundleError>,
        now: Result<Timestamp, BundleError>,
        margin: Option<Duration>,
    ) -> Result<(HeaderValue, Timestamp), (BundleError, Option<HeaderValue>)> {
        self.pending = None;
        let now = now.map_err(|error| (error, None))?;
        match fetched.and_then(|bundle| CachedBundle::new(&bundle, now)) {
            Ok(cached) => {
                let (value, valid_until) = (cached.value.clone(), cached.valid_until);
                (self.cached, self.failure) = (Some(cached), None);
                let default_margin = (until(now, valid_until) / 10).min(Self::DEFAULT_MARGIN);
                let refresh_at = valid_until.saturating_sub(margin.unwrap_or(default_margin));
                let refresh_at = refresh_at.unwrap_or(Timestamp::MIN);
                self.delay_until(now, refresh_at);
                Ok((value, valid_until))
            }
            Err(error) => {
                let delay = retry_after(&error).min(Self::MAX_RETRY_AFTER);
                self.delay_until(now, now.saturating_add(delay).unwrap_or(Timestamp::MAX));
                self.failure = Some(error.clone());
                Err((error, self.valid_header(now)))
            }
        }
    }

    /// Delays the next refresh until `then`, and for at least a tenth of the remaining validity.
    fn delay_until(&mut self, now: Timestamp, then: Timestamp) {
        let cached = self.cached.as_ref();
        let left = cached.map_or(Duration::ZERO, |cached| until(now, cached.valid_until));
        let min_delay = (left / 10).clamp(Self::MIN_DELAY, Self::MAX_DELAY);
        let until = then.max(now.saturating_add(min_delay).unwrap_or(Timestamp::MAX));
        self.delay = Some(RefreshDelay { since: now, until });
    }
}

impl CachedBundle {
    fn new(bundle: &ExpiringBundle, now: Timestamp) -> Result<Self, BundleError> {
        let valid_until = bundle.valid_until();
        if valid_until < now {
            return Err(BundleError::Expired { valid_until, now });
        }
        let value = bundle.bundle().to_authorization();
        let mut value = HeaderValue::try_from(value).map_err(SourceError::new)?;
        value.set_sensitive(true);
        Ok(Self { value, valid_until })
    }
}

fn retry_after(error: &BundleError) -> Duration {
    let BundleError::Source(error) = error else { return Duration::ZERO };
    error.retry_after().unwrap_or_default()
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_until(then)).unwrap_or_default()
}
