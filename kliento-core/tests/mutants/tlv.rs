//! DER as an editable tree, which is written with correct lengths.

/// A value with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tlv {
    pub(crate) tag: u8,
    pub(crate) contents: Contents,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    Octets(Vec<u8>),
    /// The values within the value, including those within OCTET STRINGs such as extensions.
    Values(Vec<Tlv>),
}

const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;

/// Reads values up to the end of the octets.
pub(crate) fn read(octets: &[u8]) -> Option<Vec<Tlv>> {
    let mut values = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (header, length) = header(rest)?;
        let contents = rest.get(header..header + length)?;
        let tag = rest[0];
        let may_nest = tag & CONSTRUCTED != 0 || (tag == OCTET_STRING && !contents.is_empty());
        let nested = may_nest.then(|| read(contents)).flatten();
        let contents = nested.map_or_else(|| Contents::Octets(contents.to_vec()), Contents::Values);
        values.push(Tlv { tag, contents });
        rest = &rest[header + length..];
    }
    Some(values)
}

/// Returns the length of tag and length octets, and the length of the contents.
fn header(octets: &[u8]) -> Option<(usize, usize)> {
    match *octets.get(1)? {
        short @ 0..=0x7f => Some((2, usize::from(short))),
        0x81 => Some((3, usize::from(*octets.get(2)?))),
        0x82 => Some((4, usize::from(u16::from_be_bytes([*octets.get(2)?, *octets.get(3)?])))),
        _ => None,
    }
}

pub(crate) fn write(values: &[Tlv]) -> Vec<u8> {
    let mut octets = Vec::new();
    for Tlv { tag, contents } in values {
        let contents = match contents {
            Contents::Octets(contents) => contents.clone(),
            Contents::Values(values) => write(values),
        };
        octets.push(*tag);
        let length = contents.len().to_be_bytes();
        match contents.len() {
            0..=0x7f => octets.push(length[7]),
            0x80..=0xff => octets.extend([0x81, length[7]]),
            _ => octets.extend([0x82, length[6], length[7]]),
        }
        octets.extend(contents);
    }
    octets
}

/// Returns the positions of the length octets of all values.
pub(crate) fn length_positions(octets: &[u8]) -> Vec<usize> {
    let mut positions = Vec::new();
    collect_positions(octets, 0, &mut positions);
    positions
}

fn collect_positions(octets: &[u8], offset: usize, positions: &mut Vec<usize>) -> Option<()> {
    let mut at = 0;
    while at < octets.len() {
        let (header, length) = header(&octets[at..])?;
        let contents = octets.get(at + header..at + header + length)?;
        positions.push(offset + at + 1);
        if octets[at] & CONSTRUCTED != 0 {
            collect_positions(contents, offset + at + header, positions);
        }
        at += header + length;
    }
    Some(())
}

/// Returns the number of lists of values: the values themselves, and those within them.
pub(crate) fn count_lists(values: &[Tlv]) -> usize {
    let nested = values.iter().map(|value| match &value.contents {
        Contents::Values(values) => count_lists(values),
        Contents::Octets(_) => 0,
    });
    1 + nested.sum::<usize>()
}

/// Returns one of the lists, outer lists first.
pub(crate) fn list(values: &mut Vec<Tlv>, mut number: usize) -> &mut Vec<Tlv> {
    if number == 0 {
        return values;
    }
    number -= 1;
    for value in values {
        if let Contents::Values(values) = &mut value.contents {
            let count = count_lists(values);
            if number < count {
                return list(values, number);
            }
            number -= count;
        }
    }
    panic!("there are fewer lists")
}

#[test]
fn round_trips_der() {
    for name in ["member-user", "cms-jvm-style"] {
        let octets =
            std::fs::read(crate::folder().join(format!("reference/{name}.bin"))).expect("a bundle");
        let values = read(&octets).expect("a bundle is DER");
        assert_eq!(write(&values), octets, "{name}");
        assert!(count_lists(&values) > 50, "{name}: {}", count_lists(&values));
    }
}
