//! Questions and queries.

use std::fmt;

use domain::base::header::Header;
use domain::base::iana::{Class, Rtype};
use domain::base::message::Message;
use domain::base::message_builder::{MessageBuilder, PushError};
use domain::base::name::Name;

use super::ResponseError;

/// A DNS question: a name and a record type, of class IN.
///
/// It is written as `example.com. DS`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    name: Name<Vec<u8>>,
    rtype: Rtype,
}

impl Question {
    pub(super) const fn new(name: Name<Vec<u8>>, rtype: Rtype) -> Self {
        Self { name, rtype }
    }

    pub(super) const fn name(&self) -> &Name<Vec<u8>> {
        &self.name
    }

    pub(super) const fn rtype(&self) -> Rtype {
        self.rtype
    }

    pub(super) fn is_for_root_keys(&self) -> bool {
        self.rtype == Rtype::DNSKEY && self.name.is_root()
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name.fmt_with_dot(), self.rtype)
    }
}

/// A DNS query for a [`Question`].
///
/// It requests recursion and DNSSEC records in at most 1232 octets over UDP (RFC 6891). It disables
/// checks by the resolver (CD, RFC 6840, 5.9), because the chain is verified later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    question: Question,
    message: Vec<u8>,
}

impl Query {
    /// Fits any path without fragments.
    const UDP_PAYLOAD_SIZE: u16 = 1232;

    /// Composes the query with ID 0, or returns `None` if the question does not fit a message.
    pub(super) fn new(question: Question) -> Option<Self> {
        let message = compose(&question).ok()?;
        Some(Self { question, message })
    }

    /// Sets the message ID.
    ///
    /// The default is 0, as recommended for DNS over HTTPS (RFC 8484, 4.1). UDP needs an
    /// unpredictable ID (RFC 5452, 4.3).
    #[must_use]
    pub fn with_id(mut self, id: u16) -> Self {
        Header::for_message_slice_mut(&mut self.message).set_id(id);
        self
    }

    /// Returns the message ID.
    #[must_use]
    pub fn id(&self) -> u16 {
        Header::for_message_slice(&self.message).id()
    }

    /// Returns the message in wire form, without the length prefix of TCP.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Returns the question.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Checks whether a transport can use a response.
    ///
    /// # Errors
    /// After [`ResponseError::Truncated`], repeat the query over TCP. After [`ResponseError::Id`],
    /// [`ResponseError::Question`], [`ResponseError::NotResponse`] or
    /// [`ResponseError::Malformed`] over UDP, keep waiting, because any host can have sent that.
    /// Otherwise query another resolver.
    pub fn check(&self, response: &[u8]) -> Result<(), ResponseError> {
        self.read(response).map(|_| ())
    }

    pub(super) fn read<'m>(&self, response: &'m [u8]) -> Result<&'m Message<[u8]>, ResponseError> {
        super::response::read(self, response)
    }
}

fn compose(question: &Question) -> Result<Vec<u8>, PushError> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_rd(true);
    builder.header_mut().set_cd(true);
    let mut builder = builder.question();
    builder.push((&question.name, question.rtype, Class::IN))?;
    let mut builder = builder.additional();
    builder.opt(|opt| {
        opt.set_udp_payload_size(Query::UDP_PAYLOAD_SIZE);
        opt.set_dnssec_ok(true);
        Ok(())
    })?;
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_recursion_and_signatures_without_checks() {
        let name = Name::vec_from_str("example.com").unwrap();
        let query = Query::new(Question::new(name, Rtype::DS)).unwrap().with_id(0x1234);
        let expected = b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\x01\
            \x07example\x03com\0\0\x2b\0\x01\
            \0\0\x29\x04\xd0\0\0\x80\0\0\0";
        assert_eq!(query.message(), expected);
        assert_eq!(query.id(), 0x1234);
        assert_eq!(query.question().to_string(), "example.com. DS");
    }

    #[test]
    fn writes_root_as_dot() {
        assert_eq!(Question::new(Name::root_vec(), Rtype::DNSKEY).to_string(), ". DNSKEY");
    }
}
