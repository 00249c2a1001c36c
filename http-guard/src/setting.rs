//! The error for settings that are out of bounds or contradict each other.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

/// A setting is out of bounds, or contradicts another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    setting: &'static str,
    found: String,
    violation: Violation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Violation {
    OutOfBounds { min: String, max: String },
    Exceeds { other: &'static str, limit: String },
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
        Err(Self { setting, found, violation: Violation::OutOfBounds { min, max } })
    }

    /// Checks that the value of a setting does not exceed that of another one.
    ///
    /// ```
    /// use http_guard::SettingError;
    ///
    /// assert_eq!(SettingError::check_at_most("minimum", 8, "maximum", 64), Ok(()));
    /// let error = SettingError::check_at_most("minimum", 80, "maximum", 64).unwrap_err();
    /// assert_eq!(error.to_string(), "minimum of 80 exceeds maximum of 64");
    /// ```
    ///
    /// # Errors
    /// [`SettingError`] with both values if it exceeds the other one.
    pub fn check_at_most<T: PartialOrd + Copy + fmt::Debug>(
        setting: &'static str,
        value: T,
        other: &'static str,
        limit: T,
    ) -> Result<(), Self> {
        if value <= limit {
            return Ok(());
        }
        let (found, limit) = (format!("{value:?}"), format!("{limit:?}"));
        Err(Self { setting, found, violation: Violation::Exceeds { other, limit } })
    }

    /// Returns the name of the setting.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, found, violation } = self;
        match violation {
            Violation::OutOfBounds { min, max } => {
                write!(f, "{setting} is out of bounds: expected {min} to {max}, found {found}")
            }
            Violation::Exceeds { other, limit } => {
                write!(f, "{setting} of {found} exceeds {other} of {limit}")
            }
        }
    }
}

impl Error for SettingError {}
