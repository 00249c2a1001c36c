//! How many refusals the audit log records, each by itself.

use crate::SettingError;

/// How many refusals a minute an [`AuditTrail`](super::AuditTrail) records, each by itself. Further
/// ones of the minute are [counted](super::AuditTrail#refusals).
///
/// ```
/// use kleidia_tower::audit::RefusalLimits;
///
/// let limits = RefusalLimits::default().with_per_source(20)?.with_total(5000)?;
/// assert!(limits.with_total(0).is_err());
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalLimits {
    pub(super) per_source: u32,
    pub(super) total: u32,
}

impl RefusalLimits {
    /// The upper bound of both limits.
    pub const MAX: u32 = 100_000;

    /// Sets how many refusals of one source are recorded in a minute: 1 to 100,000, 60 by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_per_source(self, max: u32) -> Result<Self, SettingError> {
        let per_source = SettingError::check("refusals per source", max, 1..=Self::MAX)?;
        Ok(Self { per_source, ..self })
    }

    /// Sets how many refusals of all sources are recorded in a minute: 1 to 100,000, 1,000 by
    /// default. It also bounds how many sources are counted separately.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_total(self, max: u32) -> Result<Self, SettingError> {
        let total = SettingError::check("refusals in total", max, 1..=Self::MAX)?;
        Ok(Self { total, ..self })
    }
}

impl Default for RefusalLimits {
    fn default() -> Self {
        Self { per_source: 60, total: 1000 }
    }
}
