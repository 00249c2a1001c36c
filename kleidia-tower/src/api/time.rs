//! Times as they are written in JSON (RFC 3339).

use std::time::{Duration, UNIX_EPOCH};

use crate::{Rejection, UnixTime};

/// A time in UTC, to the second, such as `2026-11-23T01:02:03Z`.
pub(super) fn rfc3339(time: UnixTime) -> String {
    // Times before 1970 or after 9999 can't be written; no clock of ours tells them.
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(time).unwrap_or_default().min(LAST);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Reads such a time.
pub(super) fn parse(text: &str) -> Result<UnixTime, Rejection> {
    let malformed = Rejection::MalformedRequest("a time is not written as RFC 3339 says");
    let Ok(time) = humantime::parse_rfc3339_weak(text) else { return Err(malformed) };
    let since_epoch = time.duration_since(UNIX_EPOCH).map(|time| time.as_secs());
    since_epoch.ok().and_then(|seconds| seconds.try_into().ok()).ok_or(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_alike() {
        for (time, text) in [(0, "1970-01-01T00:00:00Z"), (1_795_370_580, "2026-11-22T18:03:00Z")] {
            assert_eq!(rfc3339(time), text);
            assert_eq!(parse(text).unwrap(), time);
        }
        assert_eq!(rfc3339(-1), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(UnixTime::MAX), "9999-12-31T23:59:59Z");
        assert!(parse("yesterday").is_err());
    }
}
