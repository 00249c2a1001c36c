//! The part of a response that a chain stores.

use domain::base::iana::{Class, OptRcode, Rtype};
use domain::base::message::{Message, RecordSection};
use domain::base::message_builder::{
    HashCompressor, MessageBuilder, PushError, RecordSectionBuilder,
};
use domain::base::name::{Name, ParsedName, ToLabelIter as _, ToName};
use domain::base::record::{Record, Ttl};
use domain::base::wire::ParseError;
use domain::rdata::AllRecordData;
use domain::rdata::dnssec::Rrsig;

use super::{Question, ResponseError};
use crate::dnssec::MalformedMessage;

type Data<'m> = AllRecordData<&'m [u8], ParsedName<&'m [u8]>>;
type ParsedRecord<'m> = Record<ParsedName<&'m [u8]>, Data<'m>>;

/// The records that answer a question, with their signatures.
pub(super) struct AnswerSection<'m> {
    records: Vec<ParsedRecord<'m>>,
    rcode: OptRcode,
    is_alias: bool,
}

impl<'m> AnswerSection<'m> {
    pub(super) fn read(
        question: &Question,
        message: &'m Message<[u8]>,
    ) -> Result<Self, ResponseError> {
        let mut records = read_records(message.answer())?;
        records.retain(|record| record.owner().name_eq(question.name()));
        let is_alias = records.iter().any(|record| record.rtype() == Rtype::CNAME);
        records.retain(|record| {
            record.rtype() == question.rtype() || covers(record, question.rtype())
        });
        Ok(Self { records, rcode: message.opt_rcode(), is_alias })
    }

    pub(super) const fn is_alias(&self) -> bool {
        self.is_alias
    }

    pub(super) fn is_name_missing(&self) -> bool {
        self.rcode == OptRcode::NXDOMAIN
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.iter().all(|record| record.rtype() == Rtype::RRSIG)
    }

    pub(super) fn is_unsigned(&self) -> bool {
        self.signatures().next().is_none()
    }

    /// Returns the deepest of the zones that signed the records and can contain their owner.
    pub(super) fn zone(&self) -> Option<Name<Vec<u8>>> {
        let owner = self.records.first()?.owner();
        let signers = self.signatures().map(Rrsig::signer_name);
        let zones = signers.filter(|signer| owner.ends_with(signer));
        zones.max_by_key(|zone| zone.iter_labels().count()).map(ToName::to_canonical_name)
    }

    fn signatures(&self) -> impl Iterator<Item = &Rrsig<&'m [u8], ParsedName<&'m [u8]>>> {
        self.records.iter().filter_map(|record| match record.data() {
            AllRecordData::Rrsig(rrsig) => Some(rrsig),
            _ => None,
        })
    }

    /// Composes the stored response.
    pub(super) fn store(
        &self,
        question: &Question,
        message: &'m Message<[u8]>,
    ) -> Result<StoredResponse, ResponseError> {
        let is_denial = question.rtype() == Rtype::DS && self.is_empty();
        let proof = if is_denial { read_records(message.authority())? } else { Vec::new() };
        let compose = |authority| {
            compose(question, self.rcode, &self.records, authority)
                .map_err(|_| ResponseError::Malformed(MalformedMessage::Record))
        };
        Ok(StoredResponse {
            message: compose(&[])?,
            with_denial: is_denial.then(|| compose(&proof)).transpose()?,
        })
    }
}

/// The part of a response that a chain stores.
#[derive(Clone, Debug)]
pub(super) struct StoredResponse {
    message: Vec<u8>,
    /// Without DS records, the message with the authority section that proves their absence.
    with_denial: Option<Vec<u8>>,
}

impl StoredResponse {
    /// Returns the message, with the denial of existence only where it is needed.
    ///
    /// This crate never needs one. The JVM implementation needs it at the names between two zones
    /// (`co.jp`, if `jp` delegates `example.co.jp`), but not below the zone of the records.
    pub(super) fn into_message(self, question: &Question, zone: &Name<Vec<u8>>) -> Vec<u8> {
        let is_above_zone = zone != question.name() && zone.ends_with(question.name());
        self.with_denial.filter(|_| is_above_zone).unwrap_or(self.message)
    }
}

fn covers(record: &ParsedRecord<'_>, rtype: Rtype) -> bool {
    matches!(record.data(), AllRecordData::Rrsig(rrsig) if rrsig.type_covered() == rtype)
}

fn read_records<'m>(
    section: Result<RecordSection<'m, [u8]>, ParseError>,
) -> Result<Vec<ParsedRecord<'m>>, MalformedMessage> {
    let records = section.and_then(|section| section.limit_to_in::<Data<'m>>().collect());
    records.map_err(|_| MalformedMessage::Record)
}

fn compose(
    question: &Question,
    rcode: OptRcode,
    answer: &[ParsedRecord<'_>],
    authority: &[ParsedRecord<'_>],
) -> Result<Vec<u8>, PushError> {
    let mut builder = MessageBuilder::from_target(HashCompressor::new(Vec::new()))?;
    builder.header_mut().set_qr(true);
    builder.header_mut().set_rcode(rcode.rcode());
    let mut builder = builder.question();
    builder.push((question.name(), question.rtype(), Class::IN))?;
    let mut builder = builder.answer();
    push(&mut builder, answer)?;
    let mut builder = builder.authority();
    push(&mut builder, authority)?;
    Ok(builder.finish().into_target())
}

/// Deployed verifiers compare names by octets, and reject an answer section with several TTLs.
fn push<B>(builder: &mut B, records: &[ParsedRecord<'_>]) -> Result<(), PushError>
where
    B: RecordSectionBuilder<HashCompressor<Vec<u8>>>,
{
    let ttl = records.iter().map(Record::ttl).min().unwrap_or(Ttl::ZERO);
    for record in records {
        let owner: Name<Vec<u8>> = record.owner().to_canonical_name();
        match record.data() {
            AllRecordData::Rrsig(rrsig) => builder.push((owner, ttl, lower_case(rrsig)?))?,
            data => builder.push((owner, ttl, data))?,
        }
    }
    Ok(())
}

fn lower_case<'m>(
    rrsig: &Rrsig<&'m [u8], ParsedName<&'m [u8]>>,
) -> Result<Rrsig<&'m [u8], Name<Vec<u8>>>, PushError> {
    Rrsig::new(
        rrsig.type_covered(),
        rrsig.algorithm(),
        rrsig.labels(),
        rrsig.original_ttl(),
        rrsig.expiration(),
        rrsig.inception(),
        rrsig.key_tag(),
        rrsig.signer_name().to_canonical_name(),
        *rrsig.signature(),
    )
    .map_err(|_| PushError::ShortBuf)
}

#[cfg(test)]
mod tests {
    use domain::base::rdata::ComposeRecordData as _;

    use super::super::Query;
    use super::super::testing::{
        RECORDED_OWNER, recorded, recorded_response, retrieve, signed_response,
    };
    use super::*;

    type Records = Vec<(Name<Vec<u8>>, Ttl, Rtype, Vec<u8>)>;

    fn answers(message: &[u8]) -> Records {
        let message = Message::from_octets(message).unwrap();
        let answers =
            message.answer().unwrap().limit_to::<AllRecordData<&[u8], ParsedName<&[u8]>>>();
        answers
            .map(|record| {
                let record = record.unwrap();
                let mut rdata = Vec::new();
                record.data().compose_rdata(&mut rdata).unwrap();
                (record.owner().to_name(), record.ttl(), record.rtype(), rdata)
            })
            .collect()
    }

    /// Writes the question's name in upper case, and another TTL into the first record.
    fn rewrite_case_and_ttl(query: &Query, mut message: Vec<u8>) -> Vec<u8> {
        let question = query.question().name();
        let end = 12 + question.len();
        message[12..end].make_ascii_uppercase();
        // The first owner is a pointer to the question, or the root; type and class come before
        // TTL.
        let ttl = end + 4 + if question.is_root() { 1 } else { 2 } + 4;
        if let Some(ttl) = message.get_mut(ttl..ttl + 4) {
            ttl.copy_from_slice(&[0, 0, 0, 7]);
        }
        message
    }

    #[test]
    fn keeps_records_of_recorded_chain() {
        let messages = retrieve(RECORDED_OWNER, recorded_response).unwrap();
        assert_eq!(messages.len(), 8);
        for recorded in recorded() {
            let is_same = |message: &&Vec<u8>| answers(message) == answers(&recorded);
            assert_eq!(messages.iter().filter(is_same).count(), 1);
        }
        for message in &messages {
            let header = message.first_chunk::<4>().unwrap();
            assert_eq!(header, b"\0\0\x80\0");
        }
        let total: usize = messages.iter().map(Vec::len).sum();
        assert_eq!(total, recorded().iter().map(Vec::len).sum::<usize>() + 2 * (12 + 19 + 4));
    }

    #[test]
    fn normalises_case_and_ttl() {
        let rewritten = |query: &Query| rewrite_case_and_ttl(query, recorded_response(query));
        let messages = retrieve(RECORDED_OWNER, rewritten).unwrap();
        let expected = retrieve(RECORDED_OWNER, recorded_response).unwrap();
        for (message, expected) in messages.iter().zip(&expected) {
            let with_ttl = |(owner, _, rtype, rdata)| (owner, Ttl::from_secs(7), rtype, rdata);
            let answers_expected: Records = answers(expected).into_iter().map(with_ttl).collect();
            assert_eq!(answers(message), answers_expected);
            assert!(message.windows(4).all(|window| window != b"LIVE"));
        }
    }

    #[test]
    fn writes_signers_in_lower_case() {
        let respond = |query: &Query| signed_response(query, &["EXAMPLE.com.", "com.", "."]);
        let messages = retrieve("_veraid.example.com", respond).unwrap();
        let text = messages.last().unwrap();
        assert!(text.windows(12).any(|window| window == b"\x07example\x03com"));
        assert!(text.windows(7).all(|window| window != b"EXAMPLE"));
    }
}
