//! One question, and the message that asks it.

use std::fmt;

use domain::base::header::Header;
use domain::base::iana::{Class, Rtype};
use domain::base::message::Message;
use domain::base::message_builder::{MessageBuilder, PushError};
use domain::base::name::Name;

use super::ResponseError;

/// What is asked for: a name, and a type of records; always of class IN.
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

/// A query: the DNS message that asks a [`Question`].
///
/// It asks for recursion and DNSSEC records in at most 1232 octets over UDP (RFC 6891), and for no
/// checks by the resolver (CD, RFC 6840, 5.9): the chain is verified by those who use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    question: Question,
    message: Vec<u8>,
}

impl Query {
    /// What fits any path without fragments.
    const UDP_PAYLOAD_SIZE: u16 = 1232;

    /// The query with ID 0, or `None` if the question fits no message, which none does.
    pub(super) fn new(question: Question) -> Option<Self> {
        let message = compose(&question).ok()?;
        Some(Self { question, message })
    }

    /// The same query with another message ID.
    ///
    /// The ID is 0 at first, as DNS over HTTPS wants it (RFC 8484, 4.1). UDP needs one that nobody
    /// can guess (RFC 5452, 4.3).
    #[must_use]
    pub fn with_id(mut self, id: u16) -> Self {
        Header::for_message_slice_mut(&mut self.message).set_id(id);
        self
    }

    /// The message ID.
    #[must_use]
    pub fn id(&self) -> u16 {
        Header::for_message_slice(&self.message).id()
    }

    /// The message in wire form, without the length that TCP prefixes.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// What is asked.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Tells a transport whether it can hand this response on.
    ///
    /// # Errors
    /// After [`ResponseError::Truncated`] ask again over TCP; over UDP wait on after
    /// [`ResponseError::Id`], [`ResponseError::Question`], [`ResponseError::NotResponse`] or
    /// [`ResponseError::Malformed`], since anyone can have sent that; otherwise ask another
    /// resolver.
    pub fn check(&self, response: &[u8]) -> Result<(), ResponseError> {
        self.read(response).map(|_| ())
    }

    pub(super) fn read<'m>(&self, response: &'m [u8]) -> Result<&'m Message<[u8]>, ResponseError> {
        super::response::read(self, response)
    }

    pub(super) fn into_question(self) -> Question {
        self.question
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
    fn asks_for_recursion_and_signatures_without_checks() {
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
    fn writes_the_root_with_one_dot() {
        assert_eq!(Question::new(Name::root_vec(), Rtype::DNSKEY).to_string(), ". DNSKEY");
    }
}
