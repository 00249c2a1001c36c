//! How many rejections the audit log records, each by itself.

use crate::SettingError;

/// How many rejections a minute an [`AuditTrail`](super::AuditTrail) records, each by itself.
/// Further ones of the minute are [counted](super::AuditTrail#rejections).
///
/// ```
/// use kleidia_tower::audit::RejectionLimits;
///
/// let limits = RejectionLimits::default().with_per_source(20)?.with_total(5000)?;
/// assert!(limits.with_total(0).is_err());
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectionLimits {
    pub(super) per_source: u32,
    pub(super) total: u32,
}

impl RejectionLimits {
    /// The upper bound of both limits.
    pub const MAX: u32 = 100_000;

    /// Sets how many rejections of one source are recorded in a minute: 1 to 100,000, 60 by
    /// default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_per_source(self, max: u32) -> Result<Self, SettingError> {
        let per_source = SettingError::check("rejections per source", max, 1..=Self::MAX)?;
        Ok(Self { per_source, ..self })
    }

    /// Sets how many rejections of all sources are recorded in a minute: 1 to 100,000, 1,000 by
    /// default. It also bounds how many sources are counted separately.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_total(self, max: u32) -> Result<Self, SettingError> {
        let total = SettingError::check("rejections in total", max, 1..=Self::MAX)?;
        Ok(Self { total, ..self })
    }
}

impl Default for RejectionLimits {
    fn default() -> Self {
        Self { per_source: 60, total: 1000 }
    }
}
