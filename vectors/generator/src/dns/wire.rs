//! The wire form of DNS names, numbers and times.

pub(crate) const TYPE_A: u16 = 1;
pub(crate) const TYPE_CNAME: u16 = 5;
pub(crate) const TYPE_SOA: u16 = 6;
pub(crate) const TYPE_TXT: u16 = 16;
pub(crate) const TYPE_DNAME: u16 = 39;
pub(crate) const TYPE_OPT: u16 = 41;
pub(crate) const TYPE_DS: u16 = 43;
pub(crate) const TYPE_RRSIG: u16 = 46;
pub(crate) const TYPE_NSEC: u16 = 47;
pub(crate) const TYPE_DNSKEY: u16 = 48;
pub(crate) const CLASS_IN: u16 = 1;
pub(crate) const CLASS_CH: u16 = 3;
pub(crate) const ALGORITHM_ECDSA_P256: u8 = 13;

/// Returns the labels of a name in presentation form, with or without the final dot.
pub(crate) fn labels(name: &str) -> Vec<&str> {
    name.split('.').filter(|label| !label.is_empty()).collect()
}

/// Encodes a name, uncompressed, in its case.
pub(crate) fn name_octets(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[label.len().to_le_bytes()[0]], label.as_bytes()].concat();
    let mut octets: Vec<u8> = labels(name).into_iter().flat_map(label).collect();
    octets.push(0);
    octets
}

/// Returns the wildcard that a signature with fewer labels covers (RFC 4034, 3.1.3).
pub(crate) fn signed_owner(owner: &str, label_count: u8) -> String {
    let labels = labels(owner);
    let surplus = labels.len().saturating_sub(label_count.into());
    let wildcard = if surplus == 0 { "" } else { "*." };
    format!("{wildcard}{}", labels[surplus..].join("."))
}

/// Returns the second of `YYYYMMDDHHmmSS` (RFC 4034, 3.2), modulo 2^32.
pub(crate) fn second(text: &str) -> u32 {
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).expect("a date and time");
    let instant = jiff::tz::Offset::UTC.to_timestamp(civil).expect("an instant");
    u32::try_from(instant.as_second().rem_euclid(1 << 32)).expect("it is below 2^32")
}

/// Returns the tag of a key (RFC 4034, appendix B).
pub(crate) fn key_tag(dnskey: &[u8]) -> u16 {
    let weigh = |(position, octet): (usize, &u8)| {
        u32::from(*octet) << if position % 2 == 0 { 8 } else { 0 }
    };
    let sum: u32 = dnskey.iter().enumerate().map(weigh).sum();
    let [_, _, high, low] = (sum + (sum >> 16)).to_be_bytes();
    u16::from_be_bytes([high, low])
}
