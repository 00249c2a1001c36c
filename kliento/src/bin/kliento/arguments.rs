//! Arguments that several commands have in common.

use std::time::{Duration, SystemTime};

use jiff::{RoundMode, Span, SpanRelativeTo, TimestampRound, Unit};
use kliento::{Timestamp, TokenVerification, TrustAnchor};

use crate::failure::Failure;
use crate::input::BundleInput;

/// The trust anchors and the instant of a verification.
#[derive(Clone, clap::Args)]
pub(crate) struct TrustOptions {
    /// A key of the DNS root to trust, as a DS record [default: the keys that IANA publishes]
    ///
    /// In presentation form; `. IN DS` may be omitted: `. IN DS 20326 8 2 E06D44B8…`.
    /// May be given several times; then any of them is trusted, and IANA's are not.
    #[arg(long = "trust-anchor", value_name = "DS", value_parser = parse_trust_anchor)]
    trust_anchors: Vec<TrustAnchor>,

    /// The instant to verify at, in RFC 3339, such as 2026-11-22T18:03:00Z [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    at: Option<Timestamp>,
}

/// The options of the commands for a single bundle.
#[derive(clap::Args)]
pub(crate) struct BundleOptions {
    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    /// How far this clock may be behind the issuer's: 0s to 5m
    ///
    /// The signature and the certificates are valid that much before they start. Their ends and the
    /// signatures of the DNSSEC chain are not affected.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_clock_skew)]
    pub(crate) clock_skew: Duration,

    /// Write the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) input: BundleInput,
}

impl TrustOptions {
    /// Returns the given trust anchors, or IANA's if none was given.
    pub(crate) fn anchors(&self) -> Vec<TrustAnchor> {
        if self.trust_anchors.is_empty() { TrustAnchor::iana() } else { self.trust_anchors.clone() }
    }

    /// Returns a hint for an invalid chain.
    pub(crate) fn hint(&self, code: Option<&str>) -> Option<&'static str> {
        let is_untrusted = code == Some("dnssec-keys-untrusted");
        (is_untrusted && self.trust_anchors.is_empty()).then_some(
            "only the keys that IANA publishes are trusted; for another root, such as a mock one, \
             give its key with --trust-anchor",
        )
    }

    /// Returns the time that is given with `--at`.
    pub(crate) const fn fixed_time(&self) -> Option<Timestamp> {
        self.at
    }

    /// Returns the given instant, or the current time.
    pub(crate) fn instant(&self) -> Result<Timestamp, Failure> {
        self.at.map_or_else(now, Ok)
    }
}

/// Returns the current time, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "the command reads the clock for the library")]
pub(crate) fn now() -> Result<Timestamp, Failure> {
    let now = Timestamp::try_from(SystemTime::now()).map_err(Failure::Clock)?;
    Ok(floor(now, Unit::Millisecond))
}

fn floor(instant: Timestamp, unit: Unit) -> Timestamp {
    let floor = TimestampRound::new().smallest(unit).mode(RoundMode::Floor);
    instant.round(floor).unwrap_or(instant)
}

/// Returns the instant without its fraction of a second.
pub(crate) fn whole_second(instant: Timestamp) -> Timestamp {
    floor(instant, Unit::Second)
}

pub(crate) fn parse_instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("{error}; write it as 2026-11-22T18:03:00Z"))
}

/// Reads a duration such as `90s` or `5m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<jiff::SignedDuration>().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "write it as 90s, 5m or 1h".to_owned())
}

/// Reads how long something is valid: at least a second, and in whole ones.
pub(crate) fn parse_ttl(text: &str) -> Result<Duration, String> {
    let at_least = |error: &str| format!("{error}, and at least one second");
    let ttl = parse_whole_seconds(text).map_err(|error| at_least(&error))?;
    let is_allowed = !ttl.is_zero();
    is_allowed.then_some(ttl).ok_or_else(|| at_least("write it as 90s, 5m or 1h"))
}

/// Reads how long a certificate is valid, such as `30d`, with days of 24 hours.
pub(crate) fn parse_days(text: &str) -> Result<Duration, String> {
    let days = text.parse::<Span>().ok();
    let days = days.and_then(|days| days.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let days = days.and_then(|days| Duration::try_from(days).ok());
    let is_allowed = |days: &Duration| !days.is_zero() && days.subsec_nanos() == 0;
    let example = "write it as 30d or 12h, in whole seconds, and at least one second";
    days.filter(is_allowed).ok_or_else(|| example.to_owned())
}

/// Reads a duration in whole seconds, which is what certificates have.
pub(crate) fn parse_whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    let is_whole = duration.subsec_nanos() == 0;
    is_whole.then_some(duration).ok_or_else(|| "write it in whole seconds, such as 90s".to_owned())
}

pub(crate) fn parse_clock_skew(text: &str) -> Result<Duration, String> {
    let skew = parse_duration(text)?;
    let is_allowed = skew <= TokenVerification::MAX_CLOCK_SKEW;
    is_allowed.then_some(skew).ok_or_else(|| "it must be at most 5m".to_owned())
}

fn parse_trust_anchor(text: &str) -> Result<TrustAnchor, String> {
    text.parse().map_err(|error| {
        format!("{error}; write it as '. IN DS <key tag> <algorithm> <digest type> <digest>'")
    })
}
