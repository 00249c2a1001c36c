//! Writes DER (X.690, 10 and 11).

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::Tag;
use crate::Timestamp;

/// The first instant of the year 0000, before which ASN.1 has no times.
const MIN_TIME: Timestamp = Timestamp::constant(-62_167_219_200, 0);
/// RFC 5280's date of certificates that do not expire (4.1.2.5).
const NO_EXPIRY: DateTime = DateTime::constant(9999, 12, 31, 23, 59, 59, 0);

/// A value whose contents are the concatenated parts.
pub(crate) fn encode(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut octets = Vec::with_capacity(length + 5);
    octets.push(tag.0);
    push_length(&mut octets, length);
    for part in parts {
        octets.extend_from_slice(part);
    }
    octets
}

/// The definite length in its shortest form (X.690, 10.1).
fn push_length(octets: &mut Vec<u8>, length: usize) {
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let significant = digits.get(zeros..).unwrap_or_default();
    match significant {
        [] => octets.push(0),
        [short] if *short < 0x80 => octets.push(*short),
        long => {
            octets.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            octets.extend_from_slice(long);
        }
    }
}

/// A SET OF, or a tag in its place, with its elements in DER order (X.690, 11.6).
pub(crate) fn set_of(tag: Tag, mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort_unstable();
    let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    encode(tag, &elements)
}

/// An INTEGER of a non-negative big-endian number, in its shortest form.
pub(crate) fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    match number.get(zeros..).unwrap_or_default() {
        [] => encode(Tag::INTEGER, &[&[0]]),
        magnitude @ [first, ..] if *first >= 0x80 => encode(Tag::INTEGER, &[&[0], magnitude]),
        magnitude => encode(Tag::INTEGER, &[magnitude]),
    }
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    encode(Tag::BIT_STRING, &[&[0], octets])
}

/// An OBJECT IDENTIFIER of these contents.
pub(crate) fn object_identifier(contents: &[u8]) -> Vec<u8> {
    encode(Tag::OBJECT_IDENTIFIER, &[contents])
}

/// Text as a BMPString, as all deployed producers write it, or as a UTF8String if it has
/// characters above U+FFFF: OpenSSL rejects certificates with surrogates in a BMPString.
pub(crate) fn text(text: &str) -> Vec<u8> {
    if text.chars().any(|character| character > '\u{ffff}') {
        return encode(Tag::UTF8_STRING, &[text.as_bytes()]);
    }
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    encode(Tag::BMP_STRING, &[&octets])
}

/// Encodes the time of a certificate, rounded down to the second: UTCTime from 1950 to 2049,
/// otherwise GeneralizedTime (RFC 5280, 4.1.2.5).
pub(crate) fn certificate_time(instant: Timestamp) -> Vec<u8> {
    let time = civil_time(instant);
    let year = time.year();
    if (1950..2050).contains(&year) {
        let written = format!("{:02}{}Z", year.rem_euclid(100), month_to_second(time));
        return encode(Tag::UTC_TIME, &[written.as_bytes()]);
    }
    let written = format!("{year:04}{}Z", month_to_second(time));
    encode(Tag::GENERALIZED_TIME, &[written.as_bytes()])
}

/// A GeneralizedTime under another tag, with milliseconds if there are any (X.690, 11.7).
pub(crate) fn metadata_time(tag: Tag, instant: Timestamp) -> Vec<u8> {
    let time = civil_time(instant);
    let fraction = match time.subsec_nanosecond() / 1_000_000 {
        0 => String::new(),
        millisecond => format!(".{millisecond:03}"),
    };
    let fraction = fraction.trim_end_matches('0');
    let written = format!("{:04}{}{fraction}Z", time.year(), month_to_second(time));
    encode(tag, &[written.as_bytes()])
}

/// Returns the date and time in UTC, which is [`NO_EXPIRY`] for the last timestamp.
fn civil_time(instant: Timestamp) -> DateTime {
    if instant == Timestamp::MAX {
        return NO_EXPIRY;
    }
    Offset::UTC.to_datetime(instant.max(MIN_TIME))
}

fn month_to_second(time: DateTime) -> String {
    let (month, day) = (time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, generalized_time, metadata_time as read_metadata_time, utc_time};
    use super::*;

    #[test]
    fn writes_shortest_lengths() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let contents = vec![7; length];
            let octets = encode(Tag::OCTET_STRING, &[&contents]);
            let mut reader = Reader::new(&octets);
            assert_eq!(reader.read(Tag::OCTET_STRING).unwrap().contents, contents, "{length}");
            reader.end().unwrap();
        }
    }

    #[test]
    fn writes_shortest_integers() {
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn sorts_sets() {
        let elements = vec![vec![4, 2, 1, 1], vec![4, 1, 2], vec![4, 1, 1]];
        let sorted = [0x31, 10, 4, 1, 1, 4, 1, 2, 4, 2, 1, 1];
        assert_eq!(set_of(Tag::SET, elements), sorted);
    }

    #[test]
    fn writes_bmp_string_where_possible() {
        assert_eq!(text("é"), [0x1e, 2, 0, 0xe9]);
        assert_eq!(text("\u{ffff}"), [0x1e, 2, 0xff, 0xff]);
        assert_eq!(text("🦀"), [0x0c, 4, 0xf0, 0x9f, 0xa6, 0x80]);
    }

    #[test]
    fn writes_generalized_time_from_2050() {
        for (text, written) in [
            ("1949-12-31T23:59:59Z", "19491231235959Z"),
            ("1950-01-01T00:00:00Z", "500101000000Z"),
            ("2049-12-31T23:59:59.999Z", "491231235959Z"),
            ("2050-01-01T00:00:00Z", "20500101000000Z"),
            ("9999-12-30T22:00:00.999999999Z", "99991231235959Z"),
        ] {
            let instant: Timestamp = text.parse().unwrap();
            let octets = certificate_time(instant);
            let value = Reader::new(&octets).any().unwrap();
            assert_eq!(value.contents, written.as_bytes());
            let read = if value.tag == Tag::UTC_TIME { utc_time } else { generalized_time };
            assert_eq!(read(&value).unwrap().as_second(), instant.as_second());
        }
    }

    #[test]
    fn omits_superfluous_zeros_of_fractions() {
        for (text, written) in [
            ("2026-11-22T16:48:54Z", "20261122164854Z"),
            ("2026-11-22T16:48:54.5Z", "20261122164854.5Z"),
            ("2026-11-22T16:48:54.05Z", "20261122164854.05Z"),
            ("2026-11-22T16:48:54.461Z", "20261122164854.461Z"),
            ("0000-01-01T00:00:00.001Z", "00000101000000.001Z"),
        ] {
            let instant: Timestamp = text.parse().unwrap();
            let octets = metadata_time(Tag::primitive(0), instant);
            let value = Reader::new(&octets).any().unwrap();
            assert_eq!(value.contents, written.as_bytes());
            assert_eq!(read_metadata_time(&value), Ok(instant));
        }
    }
}
