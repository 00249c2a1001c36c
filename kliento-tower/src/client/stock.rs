//! What is known of bundles: the one at hand, the last failure, and when to ask again.

use std::time::Duration;

use http::HeaderValue;
use kliento::Timestamp;
use tokio::sync::watch;

use super::{BundleError, IssuedBundle, SourceError};

/// The header's value, or why there is none.
pub(super) type Outcome = Result<HeaderValue, BundleError>;

/// Becomes the outcome of a question to the source.
pub(super) type Flight = watch::Receiver<Option<Outcome>>;

#[derive(Default)]
pub(super) struct Stock {
    pub(super) flight: Option<Flight>,
    held: Option<Held>,
    /// Of the last question, if it failed.
    failure: Option<BundleError>,
    rest: Option<Rest>,
}

struct Held {
    value: HeaderValue,
    end: Timestamp,
}

/// The time in which the source is not asked again.
struct Rest {
    since: Timestamp,
    until: Timestamp,
}

impl Stock {
    const DEFAULT_MARGIN: Duration = Duration::from_secs(60);
    const MIN_REST: Duration = Duration::from_secs(1);
    const MAX_REST: Duration = Duration::from_secs(60);
    /// Whatever a source says, it is asked again after that.
    const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

    /// The outcome, where the source need not be asked.
    pub(super) fn settled(&self, now: Timestamp) -> Option<Outcome> {
        // A clock that was put back must not prolong the rest.
        let is_resting =
            self.rest.as_ref().is_some_and(|rest| rest.since <= now && now < rest.until);
        if !is_resting {
            return None;
        }
        self.valid(now).map(Ok).or_else(|| self.failure.clone().map(Err))
    }

    /// The bundle at hand, if it is still of use.
    pub(super) fn valid(&self, now: Timestamp) -> Option<HeaderValue> {
        self.held.as_ref().filter(|held| now <= held.end).map(|held| held.value.clone())
    }

    /// Ends the flight with what the source said, and gives the header's value with its end, or
    /// the error with the value at hand, which still counts.
    pub(super) fn settle(
        &mut self,
        obtained: Result<IssuedBundle, BundleError>,
        now: Result<Timestamp, BundleError>,
        margin: Option<Duration>,
    ) -> Result<(HeaderValue, Timestamp), (BundleError, Option<HeaderValue>)> {
        self.flight = None;
        let now = now.map_err(|error| (error, None))?;
        match obtained.and_then(|issued| Held::new(&issued, now)) {
            Ok(held) => {
                let (value, end) = (held.value.clone(), held.end);
                (self.held, self.failure) = (Some(held), None);
                let default_margin = (until(now, end) / 10).min(Self::DEFAULT_MARGIN);
                self.rest_until(now, end.saturating_sub(margin.unwrap_or(default_margin)));
                Ok((value, end))
            }
            Err(error) => {
                let delay = retry_after(&error).min(Self::MAX_RETRY_AFTER);
                self.rest_until(now, now.saturating_add(delay));
                self.failure = Some(error.clone());
                Err((error, self.valid(now)))
            }
        }
    }

    /// Rests until then, and in any case for a tenth of the time that the bundle at hand has left.
    fn rest_until(&mut self, now: Timestamp, then: Timestamp) {
        let left = self.held.as_ref().map_or(Duration::ZERO, |held| until(now, held.end));
        let least = now.saturating_add((left / 10).clamp(Self::MIN_REST, Self::MAX_REST));
        self.rest = Some(Rest { since: now, until: then.max(least) });
    }
}

impl Held {
    fn new(issued: &IssuedBundle, now: Timestamp) -> Result<Self, BundleError> {
        let end = issued.end();
        if end < now {
            return Err(BundleError::Lapsed { end, now });
        }
        let value = issued.bundle().to_authorization();
        let mut value = HeaderValue::try_from(value).map_err(SourceError::new)?;
        value.set_sensitive(true);
        Ok(Self { value, end })
    }
}

fn retry_after(error: &BundleError) -> Duration {
    let BundleError::Source(error) = error else { return Duration::ZERO };
    error.retry_after().unwrap_or_default()
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    let milliseconds = then.as_millisecond().saturating_sub(now.as_millisecond());
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
