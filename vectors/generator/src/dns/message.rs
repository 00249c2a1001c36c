//! Responses.

use serde::Serialize;

use super::rdata::{Covered, Rdata, Rrsig, Subject};
use super::wire::{CLASS_IN, name_octets};
use crate::octets::Octets;

/// A response to a question.
#[derive(Clone, Serialize)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) id: u16,
    /// The second 16 bits of the header, which end with the response code.
    pub(crate) flags: u16,
    pub(crate) answer: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    pub(crate) additional: Vec<Record>,
    /// Whether names that end like the question's are compressed to it.
    pub(crate) compressed: bool,
    pub(crate) damage: Option<Damage>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Record {
    pub(crate) owner: String,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Rdata,
}

/// The fault that makes a message malformed.
#[derive(Clone, Serialize)]
pub(crate) enum Damage {
    /// Removes octets at the end.
    Cut(usize),
    /// Keeps only octets at the start.
    CutTo(usize),
    /// Appends octets.
    Append(Octets),
    /// Changes the number of questions in the header.
    QuestionCount(u8),
    /// Changes the number of answers in the header.
    AnswerCount(u8),
    /// Changes the octet at a position.
    Octet(usize, u8),
}

impl Message {
    pub(crate) fn new(name: &str, kind: u16, answer: Vec<Record>) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            class: CLASS_IN,
            id: 0,
            flags: 0,
            answer,
            authority: Vec::new(),
            additional: Vec::new(),
            compressed: false,
            damage: None,
        }
    }

    pub(crate) fn encode(&self, subject: Subject<'_>) -> Vec<u8> {
        let sections = [&self.answer, &self.authority, &self.additional];
        let counts =
            sections.map(|section| u16::try_from(section.len()).expect("it fits a header"));
        let header = [self.id, self.flags, 1, counts[0], counts[1], counts[2]];
        let mut octets: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
        octets.extend(name_octets(&self.name));
        octets.extend([self.kind, self.class].into_iter().flat_map(u16::to_be_bytes));
        for section in sections {
            let record = |record: &Record| self.record(record, section, subject);
            octets.extend(section.iter().flat_map(record));
        }
        if let Some(damage) = &self.damage {
            damage.apply(&mut octets);
        }
        octets
    }

    fn record(&self, record: &Record, section: &[Record], subject: Subject<'_>) -> Vec<u8> {
        let rdata = match &record.data {
            Rdata::Rrsig(signature) => {
                signature.octets(&covered(record, signature, section, subject), subject.zones)
            }
            data => data.octets(subject),
        };
        let length = u16::try_from(rdata.len()).expect("it fits a record").to_be_bytes();
        let (kind, class) = (record.data.kind().to_be_bytes(), record.class.to_be_bytes());
        [
            self.name(&record.owner).as_slice(),
            &kind,
            &class,
            &record.ttl.to_be_bytes(),
            &length,
            &rdata,
        ]
        .concat()
    }

    /// Returns the name, or a pointer to the question's.
    fn name(&self, name: &str) -> Vec<u8> {
        let (octets, question) = (name_octets(name), name_octets(&self.name));
        let is_suffix = question.ends_with(&octets) && octets.len() > 1;
        if self.compressed && is_suffix {
            let [high, low] = u16::try_from(12 + question.len() - octets.len())
                .expect("a short name")
                .to_be_bytes();
            vec![0xc0 | high, low]
        } else {
            octets
        }
    }
}

/// Returns the records next to a signature that it covers.
fn covered<'a>(
    record: &'a Record,
    signature: &Rrsig,
    section: &[Record],
    subject: Subject<'_>,
) -> Covered<'a> {
    let is_covered = |other: &&Record| {
        other.data.kind() == signature.covers
            && other.class == record.class
            && other.owner.eq_ignore_ascii_case(&record.owner)
    };
    let records: Vec<&Record> = section.iter().filter(is_covered).collect();
    let ttl = records.first().map_or(record.ttl, |record| record.ttl);
    Covered {
        owner: &record.owner,
        ttl,
        rdata: records.iter().map(|record| record.data.octets(subject)).collect(),
    }
}

impl Record {
    pub(crate) fn new(owner: &str, data: Rdata) -> Self {
        Self { owner: owner.to_owned(), class: CLASS_IN, ttl: 300, data }
    }

    /// Returns the signature, for changes.
    pub(crate) fn as_rrsig(&mut self) -> &mut Rrsig {
        match &mut self.data {
            Rdata::Rrsig(signature) => signature,
            _ => panic!("the record is not a signature"),
        }
    }
}

impl Damage {
    fn apply(&self, octets: &mut Vec<u8>) {
        match self {
            Self::Cut(count) => octets.truncate(octets.len() - count),
            Self::CutTo(length) => octets.truncate(*length),
            Self::Append(tail) => octets.extend(&tail.0),
            Self::QuestionCount(count) => octets[5] = *count,
            Self::AnswerCount(count) => octets[7] = *count,
            Self::Octet(position, octet) => octets[*position] = *octet,
        }
    }
}
