//! Splits and composes DER, for bundles that no producer creates.

/// Splits the octets into values, each with its tag and length.
pub(crate) fn values(octets: &[u8]) -> Vec<&[u8]> {
    let mut values = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (header, length) = header(rest);
        let (value, after) = rest.split_at(header + length);
        values.push(value);
        rest = after;
    }
    values
}

/// Returns the contents of a value.
pub(crate) fn contents(value: &[u8]) -> &[u8] {
    &value[header(value).0..]
}

/// Composes a value with this tag.
pub(crate) fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).expect("a short value");
    let [high, low] = length.to_be_bytes();
    let mut value = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    value.extend(contents);
    value
}

/// Returns the lengths of the header and of the contents.
fn header(octets: &[u8]) -> (usize, usize) {
    match octets[1] {
        0x81 => (3, octets[2].into()),
        0x82 => (4, u16::from_be_bytes([octets[2], octets[3]]).into()),
        short => (2, short.into()),
    }
}
