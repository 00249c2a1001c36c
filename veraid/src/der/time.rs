//! UTCTime and GeneralizedTime (RFC 5280, 4.1.2.5).

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::{DerError, Value};
use crate::Timestamp;

/// `YYMMDDHHMMSSZ`, where 50 to 99 are the years 1950 to 1999.
pub(crate) fn utc_time(value: &Value<'_>) -> Result<Timestamp, DerError> {
    let parse = || {
        let (digits, rest) = value.contents.split_at_checked(12)?;
        let (year, rest_of_digits) = digits.split_at_checked(2)?;
        let year = decimal(year)?;
        let century = if year < 50 { 2000 } else { 1900 };
        (rest == b"Z").then(|| date_time(century + year, rest_of_digits, 0))?
    };
    parse().ok_or_else(|| value.error("UTCTime"))
}

/// `YYYYMMDDHHMMSSZ`, without a fraction.
pub(crate) fn generalized_time(value: &Value<'_>) -> Result<Timestamp, DerError> {
    let parse = || {
        let (seconds, rest) = seconds(value.contents)?;
        (rest == b"Z").then(|| parse_date_time(seconds, 0))?
    };
    parse().ok_or_else(|| value.error("GeneralizedTime"))
}

/// `YYYYMMDDHHMMSS[.f[f[f]]]Z`: deployed producers write milliseconds into the metadata.
pub(crate) fn metadata_time(value: &Value<'_>) -> Result<Timestamp, DerError> {
    let parse = || {
        let (seconds, rest) = seconds(value.contents)?;
        let millisecond = match rest {
            b"Z" => 0,
            [b'.', fraction @ .., b'Z'] => milliseconds(fraction)?,
            _ => return None,
        };
        parse_date_time(seconds, millisecond)
    };
    parse().ok_or_else(|| value.error("GeneralizedTime"))
}

fn seconds(contents: &[u8]) -> Option<(&[u8], &[u8])> {
    contents.split_at_checked(14)
}

/// One to three digits of which the last is not zero (X.690, 11.7.3).
fn milliseconds(fraction: &[u8]) -> Option<i32> {
    let scale = match fraction {
        [.., b'0'] => return None,
        [_] => 100,
        [_, _] => 10,
        [_, _, _] => 1,
        _ => return None,
    };
    Some(i32::from(decimal(fraction)?) * scale)
}

fn parse_date_time(digits: &[u8], millisecond: i32) -> Option<Timestamp> {
    let (year, rest) = digits.split_at_checked(4)?;
    date_time(decimal(year)?, rest, millisecond)
}

/// Reads the five pairs of digits from the month to the second.
fn date_time(year: i16, pairs: &[u8], millisecond: i32) -> Option<Timestamp> {
    let mut fields =
        pairs.chunks(2).map(|pair| decimal(pair).and_then(|field| i8::try_from(field).ok()));
    let mut field = || fields.next()?;
    let (month, day) = (field()?, field()?);
    let (hour, minute, second) = (field()?, field()?, field()?);
    let nanosecond = millisecond.checked_mul(1_000_000)?;
    let time = DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()?;
    // Only the last hours of the year 9999 are beyond what a `Timestamp` can hold.
    Some(Offset::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX))
}

fn decimal(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i16::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, Tag};
    use super::*;

    type Parser = fn(&Value<'_>) -> Result<Timestamp, DerError>;

    fn parse(parser: Parser, text: &str) -> Option<String> {
        let mut octets = vec![Tag::GENERALIZED_TIME.0, u8::try_from(text.len()).unwrap()];
        octets.extend_from_slice(text.as_bytes());
        let value = Reader::new(&octets).any().unwrap();
        parser(&value).ok().map(|instant| instant.to_string())
    }

    #[test]
    fn reads_forms_of_producers() {
        assert_eq!(parse(utc_time, "261122180300Z").unwrap(), "2026-11-22T18:03:00Z");
        assert_eq!(parse(utc_time, "500101000000Z").unwrap(), "1950-01-01T00:00:00Z");
        assert_eq!(parse(generalized_time, "20500101000000Z").unwrap(), "2050-01-01T00:00:00Z");
        assert_eq!(parse(generalized_time, "00000101000000Z").unwrap(), "0000-01-01T00:00:00Z");
        assert_eq!(
            parse(metadata_time, "20261122164854.461Z").unwrap(),
            "2026-11-22T16:48:54.461Z"
        );
        assert_eq!(parse(metadata_time, "20261122164854.4Z").unwrap(), "2026-11-22T16:48:54.4Z");
        assert_eq!(parse(metadata_time, "20261122164854Z").unwrap(), "2026-11-22T16:48:54Z");
    }

    #[test]
    fn reads_no_expiry_as_last_timestamp() {
        for (parser, text) in [
            (generalized_time as Parser, "99991231235959Z"),
            (generalized_time, "99991230220001Z"),
            (metadata_time, "99991231235959.999Z"),
        ] {
            assert_eq!(parse(parser, text), Some(Timestamp::MAX.to_string()), "{text}");
        }
    }

    #[test]
    fn rejects_other_forms() {
        let utc: Parser = utc_time;
        for (parser, text) in [
            (utc, "2611221803Z"),
            (utc, "261122180300+0100"),
            (utc, "261322180300Z"),
            (generalized_time, "20261122180300.1Z"),
            (generalized_time, "202611221803Z"),
            (generalized_time, "20260229000000Z"),
            (metadata_time, "20261122164854.460Z"),
            (metadata_time, "20261122164854.4611Z"),
            (metadata_time, "20261122164854.Z"),
            (metadata_time, "20261122164854"),
            (metadata_time, "20261122164854.4 Z"),
            (metadata_time, "20261122164860Z"),
        ] {
            assert_eq!(parse(parser, text), None, "{text}");
        }
    }
}
