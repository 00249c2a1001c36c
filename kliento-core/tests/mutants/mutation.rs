//! The mutations: bits, octets, cuts, splices, lengths, and values of the DER.
#![allow(clippy::ptr_arg, reason = "all mutations have one type")]

use crate::random::Random;
use crate::tlv::{self, Contents, Tlv};

type Mutation = fn(&mut Vec<u8>, &[u8], &mut Random);

/// DER edits are more frequent, because most others fail in the outer structure.
const MUTATIONS: [Mutation; 12] = [
    flip_bit,
    flip_bit,
    set_octet,
    cut_short,
    cut_out,
    repeat,
    splice,
    edit_length,
    edit_value,
    edit_value,
    edit_list,
    edit_list,
];

/// Octets with a special meaning for readers.
const NOTABLE: [u8; 12] = [0x00, 0x01, 0x02, 0x04, 0x24, 0x30, 0x31, 0x7f, 0x80, 0xa0, 0xc0, 0xff];

/// Returns the octets after one to three mutations, some of which copy from the donor.
pub(crate) fn mutate(octets: &[u8], donor: &[u8], random: &mut Random) -> Vec<u8> {
    let mut mutant = octets.to_vec();
    for _ in 0..=random.below(3) {
        if !mutant.is_empty() {
            random.pick(&MUTATIONS)(&mut mutant, donor, random);
        }
    }
    mutant
}

fn flip_bit(octets: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(octets.len());
    octets[at] ^= 1 << random.below(8);
}

fn set_octet(octets: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let at = random.below(octets.len());
    octets[at] = if random.below(2) == 0 { *random.pick(&NOTABLE) } else { random.octet() };
}

fn cut_short(octets: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    octets.truncate(random.below(octets.len()));
}

fn cut_out(octets: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let start = random.below(octets.len());
    let end = octets.len().min(start + 1 + random.below(32));
    octets.drain(start..end);
}

/// Duplicates a piece or an octet.
fn repeat(octets: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let start = random.below(octets.len());
    let end = octets.len().min(start + 1 + random.below(32));
    let piece = octets[start..end].to_vec();
    let at = random.below(octets.len() + 1);
    octets.splice(at..at, piece);
}

/// Copies a piece of the donor to its position there, or to any position.
fn splice(octets: &mut Vec<u8>, donor: &[u8], random: &mut Random) {
    let start = random.below(donor.len());
    let end = donor.len().min(start + 1 + random.below(256));
    let at = if random.below(2) == 0 { start } else { random.below(octets.len()) };
    let at = at.min(octets.len());
    let until = octets.len().min(at + end - start);
    octets.splice(at..until, donor[start..end].iter().copied());
}

/// Makes a length wrong, indefinite or not minimal.
fn edit_length(octets: &mut Vec<u8>, _: &[u8], random: &mut Random) {
    let positions = tlv::length_positions(octets);
    if positions.is_empty() {
        return;
    }
    let at = *random.pick(&positions);
    let length = octets[at];
    match random.below(5) {
        0 => octets[at] = length.wrapping_add(1),
        1 => octets[at] = length.wrapping_sub(1),
        2 => octets[at] = 0x80,
        3 if length < 0x80 => octets.insert(at, 0x81),
        3 => {
            octets[at] = length.wrapping_add(1);
            octets.insert(at + 1, 0);
        }
        _ => octets[at] = random.octet(),
    }
}

/// Changes the tag or contents of a value, and corrects the lengths around it.
fn edit_value(octets: &mut Vec<u8>, donor: &[u8], random: &mut Random) {
    edit(octets, random, |values, random| {
        let at = random.below(values.len());
        let Tlv { tag, contents } = &mut values[at];
        match (random.below(3), contents) {
            (0, _) => *tag = if random.below(2) == 0 { *tag ^ 0x20 } else { random.octet() },
            (1, Contents::Octets(contents)) => contents.clear(),
            (_, Contents::Octets(contents)) if !contents.is_empty() => {
                random.pick(&MUTATIONS[..7])(contents, donor, random);
            }
            (_, contents) => *contents = Contents::Octets(vec![0; random.below(3)]),
        }
    });
}

/// Removes, duplicates or reorders values, or copies a value of the donor.
fn edit_list(octets: &mut Vec<u8>, donor: &[u8], random: &mut Random) {
    let mut donated = tlv::read(donor).unwrap_or_default();
    edit(octets, random, |values, random| {
        let (at, other) = (random.below(values.len()), random.below(values.len()));
        match random.below(5) {
            0 => drop(values.remove(at)),
            1 => values.insert(other, values[at].clone()),
            2 => values.swap(at, other),
            _ if donated.is_empty() => {}
            choice => {
                let lists = tlv::count_lists(&donated);
                let list = tlv::list(&mut donated, random.below(lists));
                if let Some(value) = list.get(at % list.len().max(1)).cloned() {
                    if choice == 3 { values[at] = value } else { values.insert(at, value) }
                }
            }
        }
    });
}

/// Edits one of the lists of values, if the octets are DER and the list is not empty.
fn edit(octets: &mut Vec<u8>, random: &mut Random, edit: impl FnOnce(&mut Vec<Tlv>, &mut Random)) {
    let Some(mut values) = tlv::read(octets) else { return };
    let lists = tlv::count_lists(&values);
    let list = tlv::list(&mut values, random.below(lists));
    if !list.is_empty() {
        edit(list, random);
        *octets = tlv::write(&values);
    }
}
