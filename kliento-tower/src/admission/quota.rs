//! `Quota`: how many requests an organisation may make.

use std::num::NonZeroU32;
use std::time::Duration;

use kliento_core::OrganisationName;

use super::names::Names;
use crate::{AdmissionError, SettingError};

/// How many requests each of some organisations may make: a rate, and a burst.
///
/// Budget refills evenly, not in windows: at 60 per minute, one request per second. The workloads
/// of an organisation share its budget. With `*.example.com`, each organisation below has a budget
/// of its own.
///
/// ```
/// use std::time::Duration;
/// use kliento_tower::{Admission, AllowRule, Quota};
///
/// let partner = Quota::new(6000, Duration::from_secs(60))?.with_organisations(["partner.example"])?;
/// // The first quota that names an organisation applies, so this one is for all others.
/// let others = Quota::new(60, Duration::from_secs(60))?.with_burst(10)?;
/// let admission = Admission::new()
///     .with_rule(AllowRule::new().with_organisations(["*"])?)
///     .with_quota(partner)
///     .with_quota(others);
/// # Ok::<(), kliento_tower::AdmissionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quota {
    /// `None` for every organisation.
    pub(super) names: Option<Names>,
    interval: Duration,
    burst: NonZeroU32,
}

impl Quota {
    /// The maximum number of requests of a period or a burst.
    pub const MAX_REQUESTS: u32 = 1_000_000;
    /// The maximum period: 366 days.
    pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);
    /// The maximum time in which a whole burst refills: 36,500 days.
    pub const MAX_REFILL_TIME: Duration = Duration::from_secs(36_500 * 24 * 3600);

    /// The name of the setting in errors.
    pub(super) const REQUESTS: &'static str = "requests of a quota";

    /// Creates a quota for every organisation: this many requests per period, of which all may be
    /// made at once. 1 to [`Self::MAX_REQUESTS`] requests, 1 second to [`Self::MAX_PERIOD`].
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn new(requests: u32, period: Duration) -> Result<Self, SettingError> {
        let burst = non_zero(Self::REQUESTS, requests)?;
        let bounds = Duration::from_secs(1)..=Self::MAX_PERIOD;
        let period = SettingError::check("period of a quota", period, bounds)?;
        Ok(Self { names: None, interval: period / requests, burst })
    }

    /// Sets how many requests may be made at once: 1 to [`Self::MAX_REQUESTS`]; by default those of
    /// a period.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or if the burst takes longer than
    /// [`Self::MAX_REFILL_TIME`] to refill.
    pub fn with_burst(self, requests: u32) -> Result<Self, SettingError> {
        let burst = non_zero("burst of a quota", requests)?;
        let refill_time = self.interval.saturating_mul(requests);
        let bounds = Duration::ZERO..=Self::MAX_REFILL_TIME;
        SettingError::check("refill time of a quota", refill_time, bounds)?;
        Ok(Self { burst, ..self })
    }

    /// Restricts the quota to these organisations: `example.com`, `*.example.com` or `*`. Each call
    /// adds to the set.
    ///
    /// # Errors
    /// [`AdmissionError::Organisation`] for an invalid name.
    pub fn with_organisations<T: AsRef<str>>(
        mut self,
        organisations: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        self.names.get_or_insert_default().add_organisations(organisations)?;
        Ok(self)
    }

    pub(super) fn applies_to(&self, organisation: &OrganisationName) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains_organisation(organisation))
    }

    /// Returns the time in which one request refills.
    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) const fn burst(&self) -> NonZeroU32 {
        self.burst
    }
}

fn non_zero(setting: &'static str, requests: u32) -> Result<NonZeroU32, SettingError> {
    let requests = SettingError::check(setting, requests, 1..=Quota::MAX_REQUESTS)?;
    Ok(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN))
}
