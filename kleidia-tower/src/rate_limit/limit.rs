//! A limit: a rate, a burst, and a name.

use std::borrow::Cow;
use std::fmt;
use std::num::{IntErrorKind, NonZeroU32};
use std::str::FromStr;
use std::time::Duration;

use super::gcra::Rate;

/// A rate, with the number of units that can be spent at once: the burst.
///
/// Budget refills evenly, not in windows: at 60 per minute, one unit per second. A key with a
/// full budget can spend the whole burst at once, and continues at the rate from there.
///
/// `N/SECONDS` parses as a limit, such as `100/60`; its burst is `N`.
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::Limit;
///
/// let limit: Limit = "100/60".parse()?;
/// assert_eq!(limit, Limit::per(Duration::from_secs(60), 100)?);
/// assert_eq!(limit.burst(), 100);
///
/// let smooth = Limit::per(Duration::from_secs(60), 100)?.with_burst(10)?.with_name("api")?;
/// assert_eq!(smooth.refill_time(), Duration::from_secs(6));
/// # Ok::<(), kleidia_tower::rate_limit::LimitError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    rate: Rate,
    name: Option<Cow<'static, str>>,
}

/// An error from creating a [`Limit`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The text is not `N/SECONDS` in decimal digits.
    #[error("invalid limit {0:?}, expected N/SECONDS such as 100/60")]
    InvalidSyntax(String),
    /// The count, the burst or the period is zero.
    #[error("the count, the burst and the period of a limit must be at least 1")]
    Zero,
    /// The rate is faster than one per nanosecond.
    #[error("{count} per {period:?} is faster than one per nanosecond")]
    TooFast {
        /// The count per period.
        count: u32,
        /// The period.
        period: Duration,
    },
    /// The whole burst takes longer than [`Limit::MAX_REFILL_TIME`] to refill.
    #[error("the burst takes longer than {} days to refill", Limit::MAX_REFILL_TIME.as_secs() / 86_400)]
    TooSlow,
    /// The name is empty, too long, or has characters other than ASCII letters, digits, `-`, `_`
    /// and `.`.
    #[error("invalid name of a limit {0:?}")]
    InvalidName(Cow<'static, str>),
}

impl Limit {
    /// The longest time in which a whole burst may refill: 36,500 days.
    pub const MAX_REFILL_TIME: Duration = Duration::from_secs(36_500 * 86_400);
    /// The maximum number of characters of a name.
    pub const MAX_NAME_CHARACTERS: usize = 64;

    /// Creates a limit of `count` per period, with a burst of `count`.
    ///
    /// # Errors
    /// [`LimitError`] if the count or the period is zero, the rate is faster than one per
    /// nanosecond, or the burst takes longer than [`Self::MAX_REFILL_TIME`] to refill.
    pub fn per(period: Duration, count: u32) -> Result<Self, LimitError> {
        let burst = NonZeroU32::new(count).ok_or(LimitError::Zero)?;
        if period.is_zero() {
            return Err(LimitError::Zero);
        }
        let interval = period / count;
        if interval.is_zero() {
            return Err(LimitError::TooFast { count, period });
        }
        let interval = u64::try_from(interval.as_nanos()).map_err(|_| LimitError::TooSlow)?;
        Self { rate: Rate { emission_interval: interval, burst }, name: None }.checked()
    }

    /// Creates a limit of `count` per minute, with a burst of `count`.
    pub(crate) fn per_minute(count: NonZeroU32) -> Self {
        let emission_interval = 60_000_000_000 / u64::from(count.get());
        Self { rate: Rate { emission_interval, burst: count }, name: None }
    }

    /// Sets how many units can be spent at once; the default is the count per period.
    ///
    /// # Errors
    /// [`LimitError`] if it is zero, or takes longer than [`Self::MAX_REFILL_TIME`] to refill.
    pub fn with_burst(self, burst: u32) -> Result<Self, LimitError> {
        let burst = NonZeroU32::new(burst).ok_or(LimitError::Zero)?;
        Self { rate: Rate { burst, ..self.rate }, ..self }.checked()
    }

    /// Sets the name in the `RateLimit` headers; the default is the name of the key, such as
    /// `address`.
    ///
    /// # Errors
    /// [`LimitError`] if it is empty, longer than [`Self::MAX_NAME_CHARACTERS`], or has characters
    /// other than ASCII letters, digits, `-`, `_` and `.`.
    pub fn with_name(self, name: impl Into<Cow<'static, str>>) -> Result<Self, LimitError> {
        let name = name.into();
        let is_allowed =
            |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if name.is_empty()
            || name.len() > Self::MAX_NAME_CHARACTERS
            || !name.bytes().all(is_allowed)
        {
            return Err(LimitError::InvalidName(name));
        }
        Ok(Self { name: Some(name), ..self })
    }

    /// Returns how many units can be spent at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.rate.burst.get()
    }

    /// Returns the time in which a whole burst refills.
    #[must_use]
    pub const fn refill_time(&self) -> Duration {
        Duration::from_nanos(self.rate.burst_tolerance())
    }

    /// Returns the name, if it was set.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) const fn rate(&self) -> Rate {
        self.rate
    }

    fn checked(self) -> Result<Self, LimitError> {
        if self.refill_time() > Self::MAX_REFILL_TIME {
            return Err(LimitError::TooSlow);
        }
        Ok(self)
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let syntax = || LimitError::InvalidSyntax(text.to_owned());
        let (count, seconds) = text.split_once('/').ok_or_else(syntax)?;
        // `u64` also parses a `+`.
        let is_number = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if !is_number(count) || !is_number(seconds) {
            return Err(syntax());
        }
        let count = count.parse().map_err(|_| syntax())?;
        let seconds = match seconds.parse::<u64>() {
            Ok(seconds) => seconds,
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
                return Err(LimitError::TooSlow);
            }
            Err(_) => return Err(syntax()),
        };
        Self::per(Duration::from_secs(seconds), count)
    }
}

/// The burst, and the seconds in which it refills.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.burst(), self.refill_time().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_limits() {
        for (text, seconds, count) in [("5/60", 60, 5), ("1/1", 1, 1), ("1000/86400", 86_400, 1000)]
        {
            let expected = Limit::per(Duration::from_secs(seconds), count).unwrap();
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in
            ["", "5", "5/", "/5", "+5/60", "5/+60", "5/60s", "5/60/1", "-1/5", "5 /60", "5/6.5"]
        {
            assert_eq!(
                text.parse::<Limit>(),
                Err(LimitError::InvalidSyntax(text.to_owned())),
                "{text}"
            );
        }
        assert_eq!("0/60".parse::<Limit>(), Err(LimitError::Zero));
        assert_eq!("5/0".parse::<Limit>(), Err(LimitError::Zero));
        assert_eq!("5/99999999999999999999999".parse::<Limit>(), Err(LimitError::TooSlow));
        assert_eq!("1/18446744073709551615".parse::<Limit>(), Err(LimitError::TooSlow));
    }

    #[test]
    fn rejects_rates_out_of_bounds() {
        let second = Duration::from_secs(1);
        assert!(Limit::per(second, 1_000_000_000).is_ok());
        let too_fast = LimitError::TooFast { count: 1_000_000_001, period: second };
        assert_eq!(Limit::per(second, 1_000_000_001), Err(too_fast));
        let slow = Limit::per(Limit::MAX_REFILL_TIME, 1).unwrap();
        assert_eq!(slow.clone().with_burst(2), Err(LimitError::TooSlow));
        assert_eq!(slow.with_burst(0), Err(LimitError::Zero));
        let longer = Limit::MAX_REFILL_TIME + Duration::from_nanos(1);
        assert_eq!(Limit::per(longer, 1), Err(LimitError::TooSlow));
        assert_eq!(Limit::per(Duration::MAX, 1), Err(LimitError::TooSlow));
    }

    #[test]
    fn rejects_invalid_names() {
        let limit: Limit = "5/60".parse().unwrap();
        assert_eq!(limit.clone().with_name("log-in_1.0").unwrap().name(), Some("log-in_1.0"));
        for name in ["", "a b", "a\"", "é", &"a".repeat(65)] {
            assert!(limit.clone().with_name(name.to_owned()).is_err(), "{name}");
        }
    }
}
