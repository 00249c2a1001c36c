//! The DNS responses of a chain.

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::wire::ParseError;
use domain::base::{Message, Name, ParsedName, ParsedRecord, ToName, UnknownRecordData};
use domain::rdata::Rrsig;

use crate::{LimitExceeded, Limits};

/// The error of a malformed DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedMessage {
    /// The header is truncated.
    #[error("truncated header")]
    Header,
    /// The number of questions is not one.
    #[error("expected 1 question, found {0}")]
    QuestionCount(u16),
    /// A name or a record is malformed.
    #[error("malformed name or record")]
    Record,
    /// Octets follow the last record.
    #[error("trailing octets")]
    Trailing,
}

pub(super) type Signature<'a> = Rrsig<&'a [u8], ParsedName<&'a [u8]>>;

/// One record of an answer section.
pub(super) struct AnswerRecord<'a> {
    pub(super) owner: ParsedName<&'a [u8]>,
    pub(super) record_type: Rtype,
    pub(super) data: AnswerRecordData<'a>,
}

pub(super) enum AnswerRecordData<'a> {
    Signature(Signature<'a>),
    Other(&'a [u8]),
}

/// A response: its question, its code and the records of its answer section, all of class IN.
pub(super) struct Response<'a> {
    pub(super) name: ParsedName<&'a [u8]>,
    pub(super) record_type: Rtype,
    class: Class,
    pub(super) code: Rcode,
    pub(super) answers: Vec<AnswerRecord<'a>>,
}

impl<'a> Response<'a> {
    /// Reads a whole message, but keeps only its answer section.
    ///
    /// `records` counts the records of all messages so far.
    pub(super) fn read(octets: &'a [u8], records: &mut usize) -> Result<Self, ResponseError> {
        let message = Message::from_slice(octets).map_err(|_| MalformedMessage::Header)?;
        let counts = message.header_counts();
        if counts.qdcount() != 1 {
            return Err(MalformedMessage::QuestionCount(counts.qdcount()).into());
        }
        *records += [counts.ancount(), counts.nscount(), counts.arcount()]
            .map(usize::from)
            .iter()
            .sum::<usize>();
        LimitExceeded::check("records in the chain", *records, Limits::RECORDS)?;
        let question = message.sole_question()?;
        let answers = read_sections(message)?;
        Ok(Self {
            name: *question.qname(),
            record_type: question.qtype(),
            class: question.qclass(),
            code: message.header().rcode(),
            answers,
        })
    }

    /// Returns whether it answers this question.
    pub(super) fn answers_question<N: ToName + ?Sized>(
        &self,
        name: &N,
        record_type: Rtype,
    ) -> bool {
        self.record_type == record_type && self.class == Class::IN && self.name.name_eq(name)
    }
}

/// The error of a malformed response.
pub(super) enum ResponseError {
    Malformed(MalformedMessage),
    Limit(LimitExceeded),
}

impl From<MalformedMessage> for ResponseError {
    fn from(error: MalformedMessage) -> Self {
        Self::Malformed(error)
    }
}

impl From<LimitExceeded> for ResponseError {
    fn from(error: LimitExceeded) -> Self {
        Self::Limit(error)
    }
}

impl From<ParseError> for ResponseError {
    fn from(_: ParseError) -> Self {
        Self::Malformed(MalformedMessage::Record)
    }
}

fn read_sections(message: &Message<[u8]>) -> Result<Vec<AnswerRecord<'_>>, ResponseError> {
    let mut section = message.answer()?;
    let mut answers = Vec::with_capacity(usize::from(message.header_counts().ancount()));
    for record in section.by_ref() {
        let record = record?;
        if record.class() == Class::IN {
            answers.push(read_answer(&record)?);
        }
    }
    while let Some(mut next) = section.next_section()? {
        for record in next.by_ref() {
            record?;
        }
        section = next;
    }
    if section.pos() == message.as_slice().len() {
        Ok(answers)
    } else {
        Err(MalformedMessage::Trailing.into())
    }
}

fn read_answer<'a>(record: &ParsedRecord<'a, [u8]>) -> Result<AnswerRecord<'a>, ParseError> {
    let data = if record.rtype() == Rtype::RRSIG {
        record
            .to_record::<Signature<'a>>()?
            .map(|record| AnswerRecordData::Signature(record.into_data()))
    } else {
        let data = record.to_record::<UnknownRecordData<&'a [u8]>>()?;
        data.map(|record| AnswerRecordData::Other(record.data().data()))
    };
    let data = data.ok_or(ParseError::form_error("record"))?;
    Ok(AnswerRecord { owner: record.owner(), record_type: record.rtype(), data })
}

/// Formats the name in presentation form, with the final dot.
pub(super) fn presentation_form<N: ToName + ?Sized>(name: &N) -> String {
    let name: Name<Vec<u8>> = name.to_vec();
    name.fmt_with_dot().to_string()
}
