//! How many rejections the audit log records, each by itself.

use crate::SettingError;

/// How many rejections a minute an [`AuditTrail`](super::AuditTrail) records, each by itself.
/// Further ones of the minute are [counted](super::AuditTrail#rejections).
///
/// A default follows the values that are set, and values that contradict each other are errors,
/// whatever is set first.
///
/// ```
/// use kleidia_tower::audit::RejectionLimits;
///
/// let limits = RejectionLimits::default().with_per_source(20)?.with_total(5000)?;
/// assert!(limits.with_total(10).is_err());
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectionLimits {
    per_source: Option<u32>,
    total: Option<u32>,
    accounts_total: Option<u32>,
}

const PER_SOURCE: &str = "rejections per source";
const TOTAL: &str = "rejections in total";
const ACCOUNTS_TOTAL: &str = "rejections of accounts in total";

impl RejectionLimits {
    /// The upper bound of all limits.
    pub const MAX: u32 = 100_000;

    /// Sets how many rejections of one source are recorded in a minute: 1 to 100,000. 60 by
    /// default, or the least total if that is less.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or above a total.
    pub fn with_per_source(self, max: u32) -> Result<Self, SettingError> {
        let per_source = Some(SettingError::check(PER_SOURCE, max, 1..=Self::MAX)?);
        Self { per_source, ..self }.checked()
    }

    /// Sets how many rejections of all sources are recorded in a minute, without those of accounts:
    /// 1 to 100,000. 1,000 by default, or the limit of a source if that is more. It also bounds how
    /// many sources are counted separately.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or below the limit of a source.
    pub fn with_total(self, max: u32) -> Result<Self, SettingError> {
        let total = Some(SettingError::check(TOTAL, max, 1..=Self::MAX)?);
        Self { total, ..self }.checked()
    }

    /// Sets the same for rejections of callers that have authenticated as an account: 1 to 100,000.
    /// 1,000 by default, or the limit of a source if that is more. One account has a quarter of
    /// them, from however many networks, or the limit of a source if that is more.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or below the limit of a source.
    pub fn with_accounts_total(self, max: u32) -> Result<Self, SettingError> {
        let accounts_total = Some(SettingError::check(ACCOUNTS_TOTAL, max, 1..=Self::MAX)?);
        Self { accounts_total, ..self }.checked()
    }

    /// Rejects values that contradict each other, and returns both.
    fn checked(self) -> Result<Self, SettingError> {
        let per_source = self.per_source();
        SettingError::check_at_most(PER_SOURCE, per_source, TOTAL, self.total())?;
        let accounts_total = self.accounts_total();
        SettingError::check_at_most(PER_SOURCE, per_source, ACCOUNTS_TOTAL, accounts_total)?;
        Ok(self)
    }

    pub(super) fn per_source(self) -> u32 {
        let least = self.total().min(self.accounts_total());
        self.per_source.unwrap_or_else(|| least.min(60))
    }

    pub(super) fn total(self) -> u32 {
        self.total.unwrap_or_else(|| self.default_total())
    }

    pub(super) fn accounts_total(self) -> u32 {
        self.accounts_total.unwrap_or_else(|| self.default_total())
    }

    /// Returns how many rejections of one account are recorded, so that it leaves room for others.
    pub(super) fn per_account(self) -> u32 {
        self.per_source().max(self.accounts_total().div_ceil(4))
    }

    fn default_total(self) -> u32 {
        self.per_source.unwrap_or_default().max(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_the_values_that_are_set() {
        let default = RejectionLimits::default();
        let few = default.with_total(20).unwrap();
        let many = default.with_per_source(5000).unwrap();
        for (limits, expected) in
            [(default, (60, 1000, 1000)), (few, (20, 20, 1000)), (many, (5000, 5000, 5000))]
        {
            let found = (limits.per_source(), limits.total(), limits.accounts_total());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn rejects_more_of_a_source_than_in_total_in_any_order() {
        let default = RejectionLimits::default();
        let rejected = default.with_total(20).unwrap().with_per_source(21).unwrap_err();
        assert_eq!(
            rejected.to_string(),
            "rejections per source of 21 exceeds rejections in total of 20"
        );
        let per_source = default.with_per_source(21).unwrap();
        assert_eq!(per_source.with_total(20).unwrap_err(), rejected);
        let rejected = per_source.with_accounts_total(20).unwrap_err();
        let total = default.with_accounts_total(20).unwrap();
        assert_eq!(total.with_per_source(21).unwrap_err(), rejected);
        for out_of_bounds in [0, RejectionLimits::MAX + 1] {
            assert!(default.with_total(out_of_bounds).is_err());
            assert!(default.with_accounts_total(out_of_bounds).is_err());
            assert!(default.with_per_source(out_of_bounds).is_err());
        }
    }
}
