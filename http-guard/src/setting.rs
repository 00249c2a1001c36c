//! The error for settings that are out of bounds.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

/// A setting is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    setting: &'static str,
    min: String,
    max: String,
    found: String,
}

impl SettingError {
    /// Returns the value of a setting if it is within its bounds.
    ///
    /// ```
    /// use http_guard::SettingError;
    ///
    /// assert_eq!(SettingError::check("permits", 2, 1..=1024), Ok(2));
    /// let error = SettingError::check("permits", 0, 1..=1024).unwrap_err();
    /// assert_eq!(error.to_string(), "permits is out of bounds: expected 1 to 1024, found 0");
    /// ```
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of bounds.
    pub fn check<T: PartialOrd + fmt::Debug>(
        setting: &'static str,
        value: T,
        bounds: RangeInclusive<T>,
    ) -> Result<T, Self> {
        if bounds.contains(&value) {
            return Ok(value);
        }
        let (min, max) = bounds.into_inner();
        let [min, max, found] = [min, max, value].map(|value| format!("{value:?}"));
        Err(Self { setting, min, max, found })
    }

    /// Returns the name of the setting.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, min, max, found } = self;
        write!(f, "{setting} is out of bounds: expected {min} to {max}, found {found}")
    }
}

impl Error for SettingError {}
