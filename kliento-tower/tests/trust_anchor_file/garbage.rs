//! Garbage and truncated files: no panic, and no truncated record is accepted.

use kliento_tower::{TrustAnchorStore as _, TrustAnchors};

use crate::fixture::{AnchorFile, IANA_DS, IANA_XML, key_tags};

/// A file that is not replaced by renaming may be read at any point of its writing.
#[test]
fn rejects_truncated_xml() {
    let anchor_file = AnchorFile::new(IANA_XML);
    let store = anchor_file.open().unwrap();
    let end = IANA_XML.trim_end().len();
    for length in 0..end {
        anchor_file.write(&IANA_XML[..length]);
        assert!(store.reload().is_err(), "{length} of {end}");
        assert_eq!(store.try_current(), Some(TrustAnchors::iana()));
    }
    anchor_file.write(&IANA_XML[..end]);
    store.reload().unwrap();
}

/// A truncated record is rejected. A cut between lines leaves fewer records.
#[test]
fn truncated_records_load_fewer_anchors_or_fail() {
    let anchor_file = AnchorFile::new(IANA_DS);
    let store = anchor_file.open().unwrap();
    let mut loaded = Vec::new();
    for length in 0..IANA_DS.len() {
        anchor_file.write(&IANA_DS[..length]);
        if store.reload().is_ok() && !loaded.contains(&key_tags(&store)) {
            loaded.push(key_tags(&store));
        }
        let anchors = store.try_current().unwrap();
        let known = TrustAnchors::iana();
        assert!(anchors.as_slice().iter().all(|anchor| known.as_slice().contains(anchor)));
    }
    assert_eq!(loaded, [vec![20326], vec![20326, 38696]]);
}

/// The file is either rejected and changes nothing, or valid and takes effect.
#[test]
fn garbage_neither_panics_nor_changes_the_anchors() {
    let seed = 9718;
    let mut random = fastrand::Rng::with_seed(seed);
    let anchor_file = AnchorFile::new(IANA_DS);
    let store = anchor_file.open().unwrap();
    let mut valid = 0;
    for round in 0..4000 {
        anchor_file.write(garbage(&mut random));
        let before = store.try_current();
        match store.reload().map_err(|error| error.to_string()) {
            Ok(()) => {
                assert!(store.try_current().is_some(), "seed {seed}, round {round}");
                valid += 1;
            }
            Err(error) if error == "no anchor is valid at this time" => {
                assert_eq!(store.try_current(), None, "seed {seed}, round {round}");
            }
            Err(error) => {
                assert_eq!(store.try_current(), before, "seed {seed}, round {round}: {error}");
            }
        }
    }
    // Some of the garbage is valid, so it gets past the first check.
    assert!((100..3900).contains(&valid), "{valid}");
}

fn garbage(random: &mut fastrand::Rng) -> Vec<u8> {
    let alphabet = b" \t\r\n.;#<>/&=\"'!-[]?INDSKeyTagDigest0123456789abcdefABCDEF\xc3\xa9\x00";
    let octet = |any: bool, random: &mut fastrand::Rng| {
        if any { random.u8(..) } else { alphabet[random.usize(..alphabet.len())] }
    };
    let any = random.bool();
    let original = match random.u8(..3) {
        0 => {
            let length = random.usize(..600);
            return (0..length).map(|_| octet(any, random)).collect();
        }
        1 => IANA_DS,
        _ => IANA_XML,
    };
    let mut octets = original.as_bytes().to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..octets.len());
        match random.u8(..4) {
            0 => octets[at] = octet(any, random),
            1 => octets.insert(at, octet(any, random)),
            2 => drop(octets.drain(at..(at + random.usize(1..40)).min(octets.len()))),
            _ => octets.extend_from_within(at..(at + random.usize(1..400)).min(octets.len())),
        }
        if octets.is_empty() {
            break;
        }
    }
    octets
}
