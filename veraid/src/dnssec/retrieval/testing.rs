//! Responses for the tests of retrieval: recorded and composed ones.

use domain::base::iana::{Rcode, Rtype};
use domain::base::message::Message;
use domain::base::message_builder::{AnswerBuilder, AuthorityBuilder, MessageBuilder};
use domain::base::name::Name;
use domain::base::rdata::UnknownRecordData;
use domain::base::record::Ttl;
use domain::rdata::dnssec::{Nsec, Rrsig, RtypeBitmap, Timestamp};

use super::{ChainRetrieval, Query, RetrievalError};

/// The responses of a resolver in February 2021: TXT, then DNSKEY and DS of each zone.
pub(super) const RECORDED: &str = include_str!("matoken.live.hex");
pub(super) const RECORDED_OWNER: &str = "_ens.matoken.live.";

pub(super) fn recorded() -> Vec<Vec<u8>> {
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    RECORDED.lines().map(|line| line.as_bytes().chunks(2).map(octet).collect()).collect()
}

/// Returns the recorded response, or one without records.
pub(super) fn recorded_response(query: &Query) -> Vec<u8> {
    let is_answer = |message: &Vec<u8>| query.check(message).is_ok();
    recorded()
        .into_iter()
        .find(is_answer)
        .unwrap_or_else(|| respond(query, Rcode::NOERROR, |_| (), |_| ()))
}

pub(super) fn respond(
    query: &Query,
    rcode: Rcode,
    answer: impl FnOnce(&mut AnswerBuilder<Vec<u8>>),
    authority: impl FnOnce(&mut AuthorityBuilder<Vec<u8>>),
) -> Vec<u8> {
    let asked = Message::from_octets(query.message()).unwrap();
    let mut builder = MessageBuilder::new_vec().start_answer(&asked, rcode).unwrap();
    answer(&mut builder);
    let mut builder = builder.authority();
    authority(&mut builder);
    builder.finish()
}

pub(super) fn name(text: &str) -> Name<Vec<u8>> {
    Name::vec_from_str(text).unwrap()
}

/// A placeholder of a signature, since a retrieval does not verify signatures.
pub(super) fn rrsig(covered: Rtype, signer: &str) -> Rrsig<Vec<u8>, Name<Vec<u8>>> {
    let (ttl, time) = (Ttl::from_secs(60), Timestamp::from(0));
    let algorithm = domain::base::iana::SecurityAlgorithm::ED25519;
    Rrsig::new(covered, algorithm, 2, ttl, time, time, 1, name(signer), vec![0; 64]).unwrap()
}

/// Responses signed by a zone, and denials of existence for names that are not zones.
pub(super) fn signed_response(query: &Query, zones: &[&str]) -> Vec<u8> {
    let question = query.question();
    let owner = question.name().clone();
    let is_zone = zones.iter().any(|zone| name(zone) == owner);
    let is_answered = is_zone || question.rtype() == Rtype::TXT;
    respond(
        query,
        Rcode::NOERROR,
        |answer| {
            if is_answered {
                let data =
                    UnknownRecordData::from_octets(question.rtype(), b"\x07letters".to_vec())
                        .unwrap();
                answer.push((&owner, 60, data)).unwrap();
                answer.push((&owner, 50, rrsig(question.rtype(), zones[0]))).unwrap();
            }
        },
        |authority| {
            let nsec = Nsec::new(name("z."), RtypeBitmap::<Vec<u8>>::builder().finalize());
            authority.push((&owner, 60, nsec)).unwrap();
            authority.push((&owner, 60, rrsig(Rtype::NSEC, zones[0]))).unwrap();
        },
    )
}

pub(super) fn retrieve(
    owner: &str,
    mut respond: impl FnMut(&Query) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, RetrievalError> {
    let mut retrieval = ChainRetrieval::new(owner)?;
    for query in retrieval.unanswered() {
        retrieval.answer(&query, &respond(&query))?;
    }
    assert!(retrieval.unanswered().is_empty());
    retrieval.finish()
}
