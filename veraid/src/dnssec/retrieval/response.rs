//! The checks of a resolver's response.

use domain::base::iana::{Class, Opcode, OptRcode};
use domain::base::message::Message;
use domain::base::name::ToName as _;

use super::{Query, Question};
use crate::dnssec::MalformedMessage;

/// The error of an unusable response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The response is longer than the maximum of a DNS message, 65,535 octets.
    #[error("response of {0} octets, maximum 65535")]
    TooLong(usize),
    /// The response is not a DNS message.
    #[error("malformed response: {0}")]
    Malformed(#[from] MalformedMessage),
    /// The response has another ID than the query.
    #[error("response ID mismatch: expected {expected}, found {found}")]
    Id {
        /// The ID of the query.
        expected: u16,
        /// The ID of the response.
        found: u16,
    },
    /// The message is not a response to a standard query (QR and OPCODE).
    #[error("not a response to a standard query")]
    NotResponse,
    /// The response is to another question.
    #[error("response to another question")]
    Question,
    /// The response is truncated (TC). Repeat the query over TCP.
    #[error("truncated response")]
    Truncated,
    /// The resolver failed: the RCODE is neither NOERROR nor NXDOMAIN.
    #[error("response code {0}")]
    Rcode(String),
}

/// Checks that the octets are a usable response to the query.
pub(super) fn read<'m>(
    query: &Query,
    octets: &'m [u8],
) -> Result<&'m Message<[u8]>, ResponseError> {
    if octets.len() > usize::from(u16::MAX) {
        return Err(ResponseError::TooLong(octets.len()));
    }
    let message = Message::from_slice(octets).map_err(|_| MalformedMessage::Header)?;
    let header = message.header();
    if header.id() != query.id() {
        return Err(ResponseError::Id { expected: query.id(), found: header.id() });
    }
    if !header.qr() || header.opcode() != Opcode::QUERY {
        return Err(ResponseError::NotResponse);
    }
    check_question(query.question(), message)?;
    if header.tc() {
        return Err(ResponseError::Truncated);
    }
    match message.opt_rcode() {
        OptRcode::NOERROR | OptRcode::NXDOMAIN => Ok(message),
        rcode => Err(ResponseError::Rcode(rcode.to_string())),
    }
}

/// Resolvers may change the case of the name (draft-vixie-dnsext-dns0x20).
fn check_question(question: &Question, message: &Message<[u8]>) -> Result<(), ResponseError> {
    let Ok(found) = message.sole_question() else {
        return Err(ResponseError::Question);
    };
    let is_same = found.qname().name_eq(question.name())
        && found.qtype() == question.rtype()
        && found.qclass() == Class::IN;
    if is_same { Ok(()) } else { Err(ResponseError::Question) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::signed_response;
    use super::super::{ChainRetrieval, RetrievalError};
    use super::*;

    #[test]
    fn rejects_unusable_responses() {
        type Change = fn(&mut Vec<u8>);
        let cases: [(Change, ResponseError); 8] = [
            (|m| m[1] ^= 1, ResponseError::Id { expected: 7, found: 6 }),
            (|m| m[2] &= 0x7f, ResponseError::NotResponse),
            (|m| m[2] |= 0x08, ResponseError::NotResponse),
            (|m| m[14] ^= 1, ResponseError::Question),
            (|m| m[5] = 0, ResponseError::Question),
            (|m| m[2] |= 0x02, ResponseError::Truncated),
            (|m| m[3] |= 0x02, ResponseError::Rcode("SERVFAIL".into())),
            (|m| m.resize(65_536, 0), ResponseError::TooLong(65_536)),
        ];
        let mut retrieval = ChainRetrieval::new("example.com").unwrap();
        let query = retrieval.unanswered().swap_remove(1).with_id(7);
        let good = signed_response(&query, &["com.", "."]);
        assert_eq!(query.check(&good), Ok(()));
        for (change, error) in cases {
            let mut response = good.clone();
            change(&mut response);
            assert_eq!(query.check(&response), Err(error.clone()));
            let question = query.question().clone();
            assert_eq!(
                retrieval.answer(&query, &response),
                Err(RetrievalError::Response { question, error })
            );
        }
        for length in [0, 11] {
            assert!(
                matches!(query.check(&good[..length]), Err(ResponseError::Malformed(_))),
                "{length}"
            );
        }
        let cut = retrieval.answer(&query, &good[..good.len() / 2]).unwrap_err();
        assert!(matches!(cut, RetrievalError::Response { error: ResponseError::Malformed(_), .. }));
        assert_eq!(retrieval.unanswered().len(), 6);
    }

    #[test]
    fn rejects_bad_edns_version() {
        let retrieval = ChainRetrieval::new("example.com").unwrap();
        let query = &retrieval.unanswered()[0];
        let mut response = query.message().to_vec();
        response[2] |= 0x80;
        assert_eq!(query.check(&response), Ok(()));
        // The OPT record ends the message; its extended RCODE makes 16 of the header's 0.
        let extended_rcode = response.len() - 6;
        response[extended_rcode] = 1;
        assert!(matches!(query.check(&response), Err(ResponseError::Rcode(_))));
    }
}
