//! A measured ratio and its target.

use std::fmt;
use std::time::Duration;

use crate::ratio;

/// A measurement compared with a baseline.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The label of the measurement.
    pub subject: String,
    /// The label of the baseline.
    pub baseline: String,
    /// Both figures, with their unit.
    pub figures: [String; 2],
    /// The subject's figure divided by the baseline's.
    pub ratio: f64,
    /// The target of the ratio, if there is one.
    pub target: Option<Target>,
}

/// The target of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// An upper bound.
    AtMost(f64),
    /// A lower bound.
    AtLeast(f64),
}

impl Comparison {
    /// Compares two times.
    #[must_use]
    pub fn from_times(
        (subject, first): (impl Into<String>, Duration),
        (baseline, second): (impl Into<String>, Duration),
        target: Option<Target>,
    ) -> Self {
        let figures = [micros(first), micros(second)];
        let ratio = ratio(first, second);
        Self { subject: subject.into(), baseline: baseline.into(), figures, ratio, target }
    }

    /// Compares two throughputs, in operations per second.
    #[must_use]
    pub fn from_rates(
        (subject, first): (impl Into<String>, f64),
        (baseline, second): (impl Into<String>, f64),
        target: Option<Target>,
    ) -> Self {
        let figures = [first, second].map(|rate| format!("{rate:.0}/s"));
        let ratio = first / second;
        Self { subject: subject.into(), baseline: baseline.into(), figures, ratio, target }
    }

    /// Returns whether the ratio misses its target.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        match self.target {
            None => false,
            Some(Target::AtMost(bound)) => self.ratio > bound,
            Some(Target::AtLeast(bound)) => self.ratio < bound,
        }
    }

    /// Returns the head of the table.
    #[must_use]
    pub fn head() -> String {
        format!(
            "{:<44} {:>12}  {:<44} {:>12} {:>7}  target",
            "subject", "median", "baseline", "median", "ratio"
        )
    }
}

impl Target {
    /// Returns the bound.
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
        let Self { subject, baseline, figures: [first, second], ratio, .. } = self;
        write!(f, "{subject:<44} {first:>12}  {baseline:<44} {second:>12} {ratio:>7.3}  ")?;
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
