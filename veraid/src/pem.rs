//! A lenient reader of PEM, in front of a strict one (RFC 7468).
//!
//! `veraid` and `http-guard` both have this file, since neither crate depends on the other. A test of
//! `http-guard` compares the two.

use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A block of a PEM text, which may be malformed.
pub(crate) struct PemBlock<'a> {
    /// The label, or an empty text if it is malformed.
    pub(crate) label: &'a str,
    /// The headers of RFC 1421, which OpenSSL writes into encrypted keys.
    headers: &'a [u8],
    data: &'a [u8],
    end_label: &'a str,
}

/// Returns the blocks of a text. Other text may surround them, such as comments or a byte-order
/// mark.
#[must_use]
pub(crate) fn pem_blocks(text: &[u8]) -> Vec<PemBlock<'_>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(block) = after_begin(rest) {
        let (label, block) = split_once(block, DASHES).unwrap_or((block, &[]));
        let (body, end) = split_once(block, END).unwrap_or((block, &[]));
        let (end_label, after) = split_once(end, DASHES).unwrap_or((end, &[]));
        let (headers, data) = split_headers(body);
        let (label, end_label) = (read_label(label), read_label(end_label));
        blocks.push(PemBlock { label, headers, data, end_label });
        rest = after;
    }
    blocks
}

impl PemBlock<'_> {
    /// Returns whether a header says that the data is encrypted (RFC 1421, 4.6.1.1).
    #[must_use]
    pub(crate) fn is_encrypted(&self) -> bool {
        split_once(self.headers, b"ENCRYPTED").is_some()
    }

    /// Returns the block for a strict reader: without headers and white space, in lines of 64
    /// characters.
    #[must_use]
    pub(crate) fn to_strict(&self) -> Zeroizing<Vec<u8>> {
        // Growing would leave copies of a private key in memory.
        let mut data = Zeroizing::new(Vec::with_capacity(self.data.len()));
        data.extend(self.data.iter().copied().filter(|octet| !is_white_space(*octet)));
        let mut text = Vec::with_capacity(self.data.len() * 2 + 2 * self.label.len() + 64);
        text.extend([BEGIN, self.label.as_bytes(), DASHES, b"\n"].concat());
        for line in data.chunks(64) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text.extend([END, self.end_label.as_bytes(), DASHES, b"\n"].concat());
        Zeroizing::new(text)
    }
}

/// Returns the label if it is one. Errors quote labels, so key material must never be one.
fn read_label(octets: &[u8]) -> &str {
    let is_label = octets.len() <= 64 && octets.iter().all(|octet| (b' '..=b'~').contains(octet));
    std::str::from_utf8(octets).ok().filter(|_| is_label).unwrap_or_default()
}

/// Returns what follows the first BEGIN at the start of a line. Other text may mention it.
fn after_begin(text: &[u8]) -> Option<&[u8]> {
    let mut lines = text.split(|octet| matches!(octet, b'\n' | b'\r'));
    let mut before = 0;
    loop {
        let line = lines.next()?;
        let start = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii_start();
        if start.starts_with(BEGIN) {
            return text.get(before + line.len() - start.len() + BEGIN.len()..);
        }
        before += line.len() + 1;
    }
}

/// Splits off headers, which end with an empty line.
fn split_headers(body: &[u8]) -> (&[u8], &[u8]) {
    let start = body.iter().position(|octet| !is_white_space(*octet)).unwrap_or_default();
    let content = body.get(start..).unwrap_or_default();
    let first = content.split(|octet| *octet == b'\n').next().unwrap_or_default();
    if !first.contains(&b':') {
        return (&[], body);
    }
    let breaks = content.iter().enumerate().filter(|(_, octet)| **octet == b'\n');
    let mut splits = breaks.filter_map(|(end, _)| content.split_at_checked(end + 1));
    let is_blank = |line: &[u8]| line.iter().all(|octet| is_white_space(*octet));
    let first_line = |data: &[u8]| data.split(|octet| *octet == b'\n').next().is_some_and(is_blank);
    splits.find(|(_, data)| first_line(data)).unwrap_or((&[], body))
}

/// Splits at the first occurrence of the marker.
fn split_once<'a>(text: &'a [u8], marker: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let position = text.windows(marker.len()).position(|window| window == marker)?;
    let (before, rest) = text.split_at_checked(position)?;
    Some((before, rest.get(marker.len()..)?))
}

const fn is_white_space(octet: u8) -> bool {
    octet.is_ascii_whitespace() || octet == b'\x0b'
}
