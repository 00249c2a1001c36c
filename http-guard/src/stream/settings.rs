//! The limits of streams.

use std::time::Duration;

use crate::SettingError;

/// The limits of the streams of a layer.
///
/// ```
/// use std::time::Duration;
///
/// use http_guard::stream::StreamSettings;
///
/// let settings = StreamSettings::default()
///     .with_lease(Duration::from_secs(5))?
///     .with_max_per_principal(20)?;
/// # Ok::<(), http_guard::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    pub(super) lease: Duration,
    pub(super) max_per_principal: usize,
}

impl StreamSettings {
    /// The default lease: 15 seconds.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(15);

    /// The default maximum of streams of one principal.
    pub const DEFAULT_MAX_PER_PRINCIPAL: usize = 1000;

    /// Sets how long a stream lives without a successful check of its caller: 2 seconds to 10
    /// minutes, 15 seconds by default. Callers are checked each half of it.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_lease(self, lease: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_secs(2)..=Duration::from_secs(600);
        Ok(Self { lease: SettingError::check("stream lease", lease, bounds)?, ..self })
    }

    /// Sets how many streams one principal may have open: 1 to 1,000,000, 1,000 by default. A
    /// further one is rejected with 429. Together with gRPC calls that are not answered, and with ended
    /// streams whose clients do not read, there are at most twice as many.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_per_principal(self, streams: usize) -> Result<Self, SettingError> {
        let max = SettingError::check("streams per principal", streams, 1..=1_000_000)?;
        Ok(Self { max_per_principal: max, ..self })
    }
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { lease: Self::DEFAULT_LEASE, max_per_principal: Self::DEFAULT_MAX_PER_PRINCIPAL }
    }
}
