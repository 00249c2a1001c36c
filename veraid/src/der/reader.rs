//! A strict reader of DER.

use std::fmt;

/// The error of malformed DER (X.690, 8 and 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at octet {offset}")]
pub struct DerError {
    /// The offset of the error from the start of the structure.
    pub offset: usize,
    /// The reason.
    pub kind: DerErrorKind,
}

/// The kind of a [`DerError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerErrorKind {
    /// The octets end within a value.
    #[error("truncated value")]
    Truncated,
    /// Octets follow the last value.
    #[error("trailing octets")]
    Trailing,
    /// The tag is not the expected one.
    #[error("unexpected tag: expected {expected:#04x}, found {found:#04x}")]
    Tag {
        /// The expected identifier octet.
        expected: u8,
        /// The identifier octet found.
        found: u8,
    },
    /// The tag number is above 30, which VeraId does not use.
    #[error("unsupported multi-octet tag")]
    MultiOctetTag,
    /// An indefinite length, or one that is not in its shortest form, or above 2^32.
    #[error("length that is indefinite or not in its shortest form")]
    Length,
    /// The value is invalid for its type.
    #[error("invalid {0}")]
    InvalidValue(&'static str),
}

/// An identifier octet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(pub(crate) u8);

impl Tag {
    pub(crate) const BOOLEAN: Self = Self(0x01);
    pub(crate) const INTEGER: Self = Self(0x02);
    pub(crate) const BIT_STRING: Self = Self(0x03);
    pub(crate) const OCTET_STRING: Self = Self(0x04);
    pub(crate) const NULL: Self = Self(0x05);
    pub(crate) const OBJECT_IDENTIFIER: Self = Self(0x06);
    pub(crate) const UTF8_STRING: Self = Self(0x0c);
    pub(crate) const PRINTABLE_STRING: Self = Self(0x13);
    pub(crate) const UTC_TIME: Self = Self(0x17);
    pub(crate) const GENERALIZED_TIME: Self = Self(0x18);
    pub(crate) const BMP_STRING: Self = Self(0x1e);
    pub(crate) const CONSTRUCTED_OCTET_STRING: Self = Self(0x24);
    pub(crate) const SEQUENCE: Self = Self(0x30);
    pub(crate) const SET: Self = Self(0x31);

    /// A context-specific tag of a primitive type.
    pub(crate) const fn primitive(number: u8) -> Self {
        Self(0x80 | number)
    }

    /// A context-specific tag of a constructed type.
    pub(crate) const fn constructed(number: u8) -> Self {
        Self(0xa0 | number)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) tag: Tag,
    /// Tag, length and contents.
    pub(crate) encoded: &'a [u8],
    /// The contents, which start at `offset` of the whole structure.
    pub(crate) contents: &'a [u8],
    offset: usize,
}

impl<'a> Value<'a> {
    /// A reader of the contents.
    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader { rest: self.contents, offset: self.offset }
    }

    /// An error about this value.
    pub(crate) fn error(&self, what: &'static str) -> DerError {
        DerError { offset: self.offset, kind: DerErrorKind::InvalidValue(what) }
    }
}

/// The unread octets of a structure.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets, offset: 0 }
    }

    /// Reads the single value of the octets, which must have this tag.
    pub(crate) fn read_single(octets: &'a [u8], tag: Tag) -> Result<Value<'a>, DerError> {
        let mut reader = Self::new(octets);
        let value = reader.read(tag)?;
        reader.end()?;
        Ok(value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the tag of the next value, if there is one.
    pub(crate) fn peek(&self) -> Option<Tag> {
        self.rest.first().copied().map(Tag)
    }

    /// Reads the next value, with any tag.
    pub(crate) fn any(&mut self) -> Result<Value<'a>, DerError> {
        let (&tag, after_tag) =
            self.rest.split_first().ok_or(self.error(DerErrorKind::Truncated))?;
        if tag & 0x1f == 0x1f {
            return Err(self.error(DerErrorKind::MultiOctetTag));
        }
        let (length, after_length) = self.length(after_tag)?;
        let header = self.rest.len() - after_length.len();
        let (contents, rest) =
            after_length.split_at_checked(length).ok_or(self.error(DerErrorKind::Truncated))?;
        let (encoded, _) = self
            .rest
            .split_at_checked(header + length)
            .ok_or(self.error(DerErrorKind::Truncated))?;
        let value = Value { tag: Tag(tag), encoded, contents, offset: self.offset + header };
        self.offset += header + length;
        self.rest = rest;
        Ok(value)
    }

    /// Reads the next value, whose contents may be truncated.
    #[cfg(feature = "inspect")]
    pub(crate) fn read_lenient(&mut self) -> Option<Value<'a>> {
        if let Ok(value) = self.any() {
            return Some(value);
        }
        let (&tag, after_tag) = self.rest.split_first().filter(|(tag, _)| **tag & 0x1f != 0x1f)?;
        let (_, contents) = self.length(after_tag).ok()?;
        let offset = self.offset + self.rest.len() - contents.len();
        let value = Value { tag: Tag(tag), encoded: self.rest, contents, offset };
        self.rest = &[];
        Some(value)
    }

    /// Reads the next value, which must have this tag.
    pub(crate) fn read(&mut self, tag: Tag) -> Result<Value<'a>, DerError> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            Some(found) => Err(self.error(DerErrorKind::Tag { expected: tag.0, found: found.0 })),
            None => Err(self.error(DerErrorKind::Truncated)),
        }
    }

    /// Reads the next value if it has this tag.
    pub(crate) fn optional(&mut self, tag: Tag) -> Result<Option<Value<'a>>, DerError> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Reads the next value, which must have this tag, and returns a reader of its contents.
    pub(crate) fn nested(&mut self, tag: Tag) -> Result<Self, DerError> {
        Ok(self.read(tag)?.reader())
    }

    /// Reads an OBJECT IDENTIFIER, and returns its contents.
    pub(crate) fn object_identifier(&mut self) -> Result<&'a [u8], DerError> {
        let value = self.read(Tag::OBJECT_IDENTIFIER)?;
        let is_valid = super::oid::is_well_formed(value.contents);
        if is_valid { Ok(value.contents) } else { Err(value.error("OBJECT IDENTIFIER")) }
    }

    /// Reads an INTEGER from 0 to 255.
    pub(crate) fn small_integer(&mut self, tag: Tag) -> Result<u8, DerError> {
        let value = self.read(tag)?;
        match value.contents {
            [octet] if *octet < 0x80 => Ok(*octet),
            [0, octet] if *octet >= 0x80 => Ok(*octet),
            _ => Err(value.error("INTEGER of an octet")),
        }
    }

    /// Reads a positive INTEGER in its shortest form, without the sign octet.
    pub(crate) fn positive_integer(&mut self) -> Result<&'a [u8], DerError> {
        let value = self.read(Tag::INTEGER)?;
        match value.contents {
            [0, magnitude @ ..] if magnitude.first().is_some_and(|octet| *octet >= 0x80) => {
                Ok(magnitude)
            }
            [first, ..] if (1..0x80).contains(first) => Ok(value.contents),
            _ => Err(value.error("positive INTEGER")),
        }
    }

    /// Returns an error if any octets remain.
    pub(crate) fn end(&self) -> Result<(), DerError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(DerErrorKind::Trailing)) }
    }

    fn error(&self, kind: DerErrorKind) -> DerError {
        DerError { offset: self.offset, kind }
    }

    /// Reads the length in its definite, shortest form (X.690, 10.1).
    fn length(&self, octets: &'a [u8]) -> Result<(usize, &'a [u8]), DerError> {
        let (&first, rest) = octets.split_first().ok_or(self.error(DerErrorKind::Truncated))?;
        if first < 0x80 {
            return Ok((usize::from(first), rest));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return Err(self.error(DerErrorKind::Length));
        }
        let (digits, rest) =
            rest.split_at_checked(count).ok_or(self.error(DerErrorKind::Truncated))?;
        let length =
            digits.iter().fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
        let shortest = if count == 1 { 0x80 } else { 1 << (8 * (count - 1)) };
        if length < shortest {
            return Err(self.error(DerErrorKind::Length));
        }
        Ok((length, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(octets: &[u8]) -> DerErrorKind {
        Reader::new(octets).any().unwrap_err().kind
    }

    #[test]
    fn reads_value_and_trailing_octets() {
        let mut reader = Reader::new(&[0x04, 0x02, 1, 2, 0x05, 0x00]);
        assert_eq!(reader.read(Tag::OCTET_STRING).unwrap().contents, [1, 2]);
        assert_eq!(reader.end().unwrap_err().kind, DerErrorKind::Trailing);
        assert!(reader.read(Tag::NULL).unwrap().contents.is_empty());
        reader.end().unwrap();
    }

    #[test]
    fn rejects_non_der_lengths() {
        assert_eq!(kind(&[0x30, 0x80, 0, 0]), DerErrorKind::Length);
        assert_eq!(kind(&[0x04, 0x81, 0x01, 0]), DerErrorKind::Length);
        assert_eq!(kind(&[0x04, 0x82, 0x00, 0x80]), DerErrorKind::Length);
        assert_eq!(kind(&[0x04, 0x85, 1, 0, 0, 0, 0]), DerErrorKind::Length);
        assert_eq!(kind(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff]), DerErrorKind::Truncated);
        assert_eq!(kind(&[0x1f, 0x01, 0x00]), DerErrorKind::MultiOctetTag);
    }

    #[test]
    fn rejects_padded_and_non_positive_integers() {
        for octets in [&[2, 2, 0, 0x3f][..], &[2, 1, 0x80], &[2, 1, 0], &[2, 0]] {
            assert!(Reader::new(octets).positive_integer().is_err(), "{octets:?}");
        }
        assert_eq!(Reader::new(&[2, 2, 0, 0xff]).positive_integer().unwrap(), [0xff]);
    }

    #[test]
    fn error_has_offset_and_kind() {
        let mut reader = Reader::new(&[0x05, 0x00, 0x04, 0x00]);
        reader.any().unwrap();
        let error = reader.read(Tag::SEQUENCE).unwrap_err();
        assert_eq!(error.to_string(), "unexpected tag: expected 0x30, found 0x04 at octet 2");
    }
}
