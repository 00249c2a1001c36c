//! A ratio, with what it should be.

use std::fmt;
use std::time::Duration;

use crate::ratio;

/// What was measured beside something else.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What was measured.
    pub subject: String,
    /// Beside what.
    pub beside: String,
    /// The figures of both, with their unit.
    pub figures: [String; 2],
    /// How many times the second the first is.
    pub ratio: f64,
    /// What the ratio should be, if anything is promised.
    pub target: Option<Target>,
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Comparison {
    /// Compares times.
    #[must_use]
    pub fn of_times(
        (subject, first): (impl Into<String>, Duration),
        (beside, second): (impl Into<String>, Duration),
        target: Option<Target>,
    ) -> Self {
        let figures = [micros(first), micros(second)];
        let ratio = ratio(first, second);
        Self { subject: subject.into(), beside: beside.into(), figures, ratio, target }
    }

    /// Whether the target, if there is one, is missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        match self.target {
            None => false,
            Some(Target::AtMost(bound)) => self.ratio > bound,
            Some(Target::AtLeast(bound)) => self.ratio < bound,
        }
    }

    /// What stands above the lines of a table.
    #[must_use]
    pub fn head() -> String {
        format!(
            "{:<44} {:>12}  {:<44} {:>12} {:>7}  target",
            "what", "median", "beside", "median", "ratio"
        )
    }
}

impl Target {
    /// The bound.
    #[must_use]
    pub const fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }
}

/// A line of the table.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, beside, figures: [first, second], ratio, .. } = self;
        write!(f, "{subject:<44} {first:>12}  {beside:<44} {second:>12} {ratio:>7.3}  ")?;
        match self.target {
            None => f.write_str("none"),
            Some(target) if self.is_missed() => write!(f, "{target}  MISSED"),
            Some(target) => target.fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "at most {bound:.2}"),
            Self::AtLeast(bound) => write!(f, "at least {bound:.2}"),
        }
    }
}

fn micros(time: Duration) -> String {
    format!("{:.2} us", time.as_secs_f64() * 1e6)
}
