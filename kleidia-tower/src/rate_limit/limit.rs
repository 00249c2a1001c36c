//! How often something may happen: a rate, a burst, and a name.

use std::borrow::Cow;
use std::fmt;
use std::num::{IntErrorKind, NonZeroU32};
use std::str::FromStr;
use std::time::Duration;

use governor::Quota;

/// How often something may happen: so many times per period, and so many at once.
///
/// Budget comes back evenly, not by windows: of 60 in a minute, one is back after each second. A
/// key that was quiet may spend its whole burst at once, and goes on at the rate from there.
///
/// `N/SECONDS` is parsed, as `100/60`: then the burst is the `N`.
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::Limit;
///
/// let by_default: Limit = "100/60".parse()?;
/// assert_eq!(by_default, Limit::per(Duration::from_secs(60), 100)?);
/// assert_eq!(by_default.burst(), 100);
///
/// let smooth = Limit::per(Duration::from_secs(60), 100)?.with_burst(10)?.named("api")?;
/// assert_eq!(smooth.replenished_in(), Duration::from_secs(6));
/// # Ok::<(), kleidia_tower::rate_limit::LimitError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    quota: Quota,
    name: Option<Cow<'static, str>>,
}

/// Why that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// It is not written `N/SECONDS`, in digits.
    #[error("{0:?} is no limit; write N/SECONDS, as 100/60")]
    Syntax(String),
    /// The count, the burst or the period is zero, which would let nothing or everything pass.
    #[error("the count, the burst and the period of a limit are at least 1")]
    Zero,
    /// One is back in less than a nanosecond.
    #[error("{count} in {period:?} is faster than once in a nanosecond")]
    TooFast {
        /// How many times.
        count: u32,
        /// In what time.
        period: Duration,
    },
    /// The whole burst takes too long to come back.
    #[error("a burst has to be back in {:?}", Limit::MAX_REPLENISHED_IN)]
    TooSlow,
    /// The name is empty, too long, or has other characters than letters, digits, `-`, `_` and `.`.
    #[error("{0:?} is no name of a limit")]
    Name(Cow<'static, str>),
}

impl Limit {
    /// The longest time in which a whole burst may come back: 36,500 days.
    pub const MAX_REPLENISHED_IN: Duration = Duration::from_secs(36_500 * 86_400);
    /// The most characters of a name.
    pub const MAX_NAME: usize = 64;

    /// `count` times per period, and as many at once.
    ///
    /// # Errors
    /// If one of them is zero, or the rate is out of bounds: faster than once in a nanosecond, or
    /// slower than [`Self::MAX_REPLENISHED_IN`].
    pub fn per(period: Duration, count: u32) -> Result<Self, LimitError> {
        let burst = NonZeroU32::new(count).ok_or(LimitError::Zero)?;
        if period.is_zero() {
            return Err(LimitError::Zero);
        }
        let too_fast = LimitError::TooFast { count, period };
        let quota = Quota::with_period(period / count).ok_or(too_fast)?.allow_burst(burst);
        Self { quota, name: None }.bounded()
    }

    /// Sets how many may happen at once; as many as per period by default.
    ///
    /// # Errors
    /// If it is zero, or would take longer than [`Self::MAX_REPLENISHED_IN`] to come back.
    pub fn with_burst(self, burst: u32) -> Result<Self, LimitError> {
        let burst = NonZeroU32::new(burst).ok_or(LimitError::Zero)?;
        Self { quota: self.quota.allow_burst(burst), ..self }.bounded()
    }

    /// Sets the name that the `RateLimit` fields tell clients; by default it is the key's.
    ///
    /// # Errors
    /// If it is empty, longer than [`Self::MAX_NAME`], or has other characters than ASCII letters,
    /// digits, `-`, `_` and `.`.
    pub fn named(self, name: impl Into<Cow<'static, str>>) -> Result<Self, LimitError> {
        let name = name.into();
        let is_allowed =
            |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > Self::MAX_NAME || !name.bytes().all(is_allowed) {
            return Err(LimitError::Name(name));
        }
        Ok(Self { name: Some(name), ..self })
    }

    /// How many may happen at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.quota.burst_size().get()
    }

    /// How long a key that spent its burst takes until it has all of it again.
    #[must_use]
    pub fn replenished_in(&self) -> Duration {
        self.quota.replenish_interval().saturating_mul(self.burst())
    }

    /// The name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) const fn quota(&self) -> Quota {
        self.quota
    }

    /// Nanoseconds until one is back, at least 1.
    pub(crate) fn cell(&self) -> u64 {
        u64::try_from(self.quota.replenish_interval().as_nanos()).unwrap_or(u64::MAX)
    }

    /// governor computes with nanoseconds of 64 bits, unchecked: within bounds it is right.
    fn bounded(self) -> Result<Self, LimitError> {
        if self.replenished_in() > Self::MAX_REPLENISHED_IN {
            return Err(LimitError::TooSlow);
        }
        Ok(self)
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let syntax = || LimitError::Syntax(text.to_owned());
        let (count, seconds) = text.split_once('/').ok_or_else(syntax)?;
        // `u64` would take a `+` too.
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

/// The burst, and in how many seconds it is back.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.burst(), self.replenished_in().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_parsed() {
        for (text, seconds, count) in [("5/60", 60, 5), ("1/1", 1, 1), ("1000/86400", 86_400, 1000)]
        {
            let expected = Limit::per(Duration::from_secs(seconds), count).unwrap();
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in
            ["", "5", "5/", "/5", "+5/60", "5/+60", "5/60s", "5/60/1", "-1/5", "5 /60", "5/6.5"]
        {
            assert_eq!(text.parse::<Limit>(), Err(LimitError::Syntax(text.to_owned())), "{text}");
        }
        assert_eq!("0/60".parse::<Limit>(), Err(LimitError::Zero));
        assert_eq!("5/0".parse::<Limit>(), Err(LimitError::Zero));
        assert_eq!("5/99999999999999999999999".parse::<Limit>(), Err(LimitError::TooSlow));
        assert_eq!("1/18446744073709551615".parse::<Limit>(), Err(LimitError::TooSlow));
    }

    #[test]
    fn rates_have_bounds() {
        let second = Duration::from_secs(1);
        assert!(Limit::per(second, 1_000_000_000).is_ok());
        let too_fast = LimitError::TooFast { count: 1_000_000_001, period: second };
        assert_eq!(Limit::per(second, 1_000_000_001), Err(too_fast));
        let slow = Limit::per(Limit::MAX_REPLENISHED_IN, 1).unwrap();
        assert_eq!(slow.clone().with_burst(2), Err(LimitError::TooSlow));
        assert_eq!(slow.with_burst(0), Err(LimitError::Zero));
        let longer = Limit::MAX_REPLENISHED_IN + Duration::from_nanos(1);
        assert_eq!(Limit::per(longer, 1), Err(LimitError::TooSlow));
        assert_eq!(Limit::per(Duration::MAX, 1), Err(LimitError::TooSlow));
    }

    #[test]
    fn names_are_tokens() {
        let limit: Limit = "5/60".parse().unwrap();
        assert_eq!(limit.clone().named("log-in_1.0").unwrap().name(), Some("log-in_1.0"));
        for name in ["", "a b", "a\"", "é", &"a".repeat(65)] {
            assert!(limit.clone().named(name.to_owned()).is_err(), "{name}");
        }
    }
}
