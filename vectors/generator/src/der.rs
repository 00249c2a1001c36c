//! Writes any tags, lengths and contents, including those that DER forbids (X.690).

use serde::Serialize;

use crate::octets::Octets;

/// A value to encode.
#[derive(Clone)]
pub(crate) struct Node {
    tag: u8,
    length: Length,
    contents: Contents,
}

#[derive(Clone)]
enum Length {
    /// As in DER.
    Shortest,
    /// With a superfluous octet.
    Padded,
    /// Ended by two zero octets.
    Indefinite,
    /// Without tag and length: only the contents.
    None,
}

#[derive(Clone)]
enum Contents {
    Octets(Vec<u8>),
    Children(Vec<Node>),
}

impl Node {
    pub(crate) fn primitive(tag: u8, octets: impl Into<Vec<u8>>) -> Self {
        Self { tag, length: Length::Shortest, contents: Contents::Octets(octets.into()) }
    }

    pub(crate) fn constructed(tag: u8, children: Vec<Self>) -> Self {
        Self { tag, length: Length::Shortest, contents: Contents::Children(children) }
    }

    /// Octets without further encoding.
    pub(crate) fn verbatim(octets: impl Into<Vec<u8>>) -> Self {
        Self { tag: 0, length: Length::None, contents: Contents::Octets(octets.into()) }
    }

    pub(crate) fn sequence(children: Vec<Self>) -> Self {
        Self::constructed(0x30, children)
    }

    /// A SET in the given order.
    pub(crate) fn set(children: Vec<Self>) -> Self {
        Self::constructed(0x31, children)
    }

    /// `[number] EXPLICIT`.
    pub(crate) fn explicit(number: u8, child: Self) -> Self {
        Self::constructed(0xa0 | number, vec![child])
    }

    pub(crate) fn integer(contents: impl Into<Vec<u8>>) -> Self {
        Self::primitive(2, contents)
    }

    /// A positive INTEGER, given a magnitude without leading zeros.
    pub(crate) fn positive_integer(magnitude: &[u8]) -> Self {
        let sign: &[u8] =
            if magnitude.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
        Self::integer([sign, magnitude].concat())
    }

    pub(crate) fn octet_string(octets: impl Into<Vec<u8>>) -> Self {
        Self::primitive(4, octets)
    }

    /// A BIT STRING that contains an encoded value.
    pub(crate) fn bit_string(child: Self) -> Self {
        Self::constructed(3, vec![Self::verbatim([0]), child])
    }

    pub(crate) fn null() -> Self {
        Self::primitive(5, [])
    }

    /// An OBJECT IDENTIFIER, given in dotted decimal.
    pub(crate) fn oid(dotted: &str) -> Self {
        Self::primitive(6, oid_contents(dotted))
    }

    /// Returns the same value under another tag, as IMPLICIT requires.
    pub(crate) fn with_tag(mut self, tag: u8) -> Self {
        self.tag = tag;
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let contents = match &self.contents {
            Contents::Octets(octets) => octets.clone(),
            Contents::Children(children) => children.iter().flat_map(Self::encode).collect(),
        };
        let length = match self.length {
            Length::None => return contents,
            Length::Shortest => definite_length(contents.len(), 0),
            Length::Padded => definite_length(contents.len(), 1),
            Length::Indefinite => vec![0x80],
        };
        let end: &[u8] = if matches!(self.length, Length::Indefinite) { &[0, 0] } else { &[] };
        [&[self.tag], length.as_slice(), &contents, end].concat()
    }

    /// Returns this value after an edit, if there is one.
    pub(crate) fn edited(mut self, edit: Option<&Edit>) -> Self {
        if let Some(edit) = edit {
            self.apply(&edit.path, &edit.change);
        }
        self
    }

    fn apply(&mut self, path: &[usize], change: &Change) {
        if let [step, rest @ ..] = path {
            let Contents::Children(children) = &mut self.contents else {
                panic!("the path of an edit leads into octets");
            };
            if rest.is_empty() && matches!(change, Change::Remove) {
                children.remove(*step);
            } else {
                children[*step].apply(rest, change);
            }
            return;
        }
        match (change, &mut self.contents) {
            (Change::Tag(tag), _) => self.tag = *tag,
            (Change::PadLength, _) => self.length = Length::Padded,
            (Change::Indefinite, _) => self.length = Length::Indefinite,
            (Change::Chunk, Contents::Octets(octets)) => {
                *self =
                    Self::constructed(self.tag | 0x20, vec![Self::octet_string(octets.clone())]);
            }
            (Change::Replace(octets), _) => *self = Self::verbatim(octets.0.clone()),
            (Change::Contents(octets), contents) => *contents = Contents::Octets(octets.0.clone()),
            (Change::Append(octets), Contents::Children(children)) => {
                children.push(Self::verbatim(octets.0.clone()));
            }
            (Change::Append(octets), Contents::Octets(contents)) => contents.extend(&octets.0),
            (Change::Swap(first, second), Contents::Children(children)) => {
                children.swap(*first, *second);
            }
            (Change::Chunk | Change::Remove | Change::Swap(..), _) => {
                panic!("an edit of a missing value")
            }
        }
    }
}

/// A difference to the encoding of the recipe, at a path of positions.
#[derive(Clone, Serialize)]
pub(crate) struct Edit {
    path: Vec<usize>,
    change: Change,
}

#[derive(Clone, Serialize)]
pub(crate) enum Change {
    /// Another tag.
    Tag(u8),
    /// A length with a superfluous octet.
    PadLength,
    /// An indefinite length.
    Indefinite,
    /// The value is removed.
    Remove,
    /// These octets replace the value.
    Replace(Octets),
    /// These octets replace the contents.
    Contents(Octets),
    /// These octets follow the contents.
    Append(Octets),
    /// The contents become a chunk of a constructed string.
    Chunk,
    /// Two children are swapped.
    Swap(usize, usize),
}

impl Edit {
    pub(crate) fn at(path: &[usize], change: Change) -> Self {
        Self { path: path.to_vec(), change }
    }
}

fn definite_length(length: usize, padding: usize) -> Vec<u8> {
    if length < 0x80 && padding == 0 {
        return vec![length.to_le_bytes()[0]];
    }
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[zeros.saturating_sub(padding)..];
    [&[0x80 | digits.len().to_le_bytes()[0]], digits].concat()
}

fn oid_contents(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().expect("an arc")).collect();
    let first = arcs[0] * 40 + arcs[1];
    std::iter::once(&first).chain(&arcs[2..]).flat_map(|arc| base_128(*arc)).collect()
}

fn base_128(arc: u64) -> Vec<u8> {
    let groups = (u64::BITS - arc.leading_zeros()).div_ceil(7).max(1);
    let group = |position: u32| ((arc >> (7 * position)) & 0x7f).to_le_bytes()[0];
    let continues = |position| if position == 0 { 0 } else { 0x80 };
    (0..groups).rev().map(|position| group(position) | continues(position)).collect()
}
