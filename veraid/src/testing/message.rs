//! DNS messages of mock responses, in which every field can be changed.

use domain::base::iana::{Class, Rtype};
use domain::base::message_builder::{HashCompressor, PushError, RecordSectionBuilder};
use domain::base::rdata::UnknownRecordData;
use domain::base::wire::Composer;
use domain::base::{MessageBuilder, Ttl};

use super::name::parse;
use super::{MockError, MockRecord};

/// A question of a [`MockMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockQuestion {
    /// The owner.
    pub owner: String,
    /// The record type.
    pub rtype: u16,
    /// The class; 1 (the Internet) by default.
    pub class: u16,
}

/// A DNS message before it is composed.
///
/// ```
/// use veraid::testing::{MockMessage, MockRecord, rtype};
///
/// let mut message = MockMessage::response("example.com", rtype::TXT);
/// message.answer.push(MockRecord::txt("EXAMPLE.com", &["text"])?);
/// message.id = 4660;
/// assert!(message.compose()?.starts_with(b"\x12\x34\x81\xa0\0\x01\0\x01\0\0\0\0\x07example"));
/// # Ok::<(), veraid::testing::MockError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockMessage {
    /// The ID.
    pub id: u16,
    /// The second pair of octets: flags, opcode and response code (RFC 1035, 4.1.1).
    pub flags: u16,
    /// The questions.
    pub questions: Vec<MockQuestion>,
    /// The answer section.
    pub answer: Vec<MockRecord>,
    /// The authority section.
    pub authority: Vec<MockRecord>,
    /// The additional section.
    pub additional: Vec<MockRecord>,
    /// Whether owners are compressed (RFC 1035, 4.1.4).
    pub is_compressed: bool,
}

impl MockMessage {
    /// The flags QR, RD, RA and AD, as in the responses of a validating resolver.
    pub const RESOLVER_FLAGS: u16 = 0x81a0;

    /// Creates a resolver's response to a question, without records.
    #[must_use]
    pub fn response(owner: &str, rtype: u16) -> Self {
        Self {
            id: 0,
            flags: Self::RESOLVER_FLAGS,
            questions: vec![MockQuestion { owner: owner.to_owned(), rtype, class: 1 }],
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            is_compressed: true,
        }
    }

    /// Sets the response code (RFC 1035, 4.1.1): 0 to 15.
    #[must_use]
    pub const fn with_response_code(mut self, code: u8) -> Self {
        self.flags = self.flags & 0xfff0 | (code & 0x0f) as u16;
        self
    }

    /// Returns the message in wire form.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::TooLong`].
    pub fn compose(&self) -> Result<Vec<u8>, MockError> {
        let mut octets = if self.is_compressed {
            self.compose_into(HashCompressor::new(Vec::new()))?.into_target()
        } else {
            self.compose_into(Vec::new())?
        };
        if let Some(header) = octets.first_chunk_mut::<4>() {
            let [[id_high, id_low], [high, low]] = [self.id, self.flags].map(u16::to_be_bytes);
            *header = [id_high, id_low, high, low];
        }
        Ok(octets)
    }

    fn compose_into<T: Composer>(&self, target: T) -> Result<T, MockError> {
        let builder = MessageBuilder::from_target(target).map_err(|_| too_long())?;
        let mut builder = builder.question();
        for question in &self.questions {
            let question =
                (parse(&question.owner)?, Rtype::from(question.rtype), Class::from(question.class));
            builder.push(question).map_err(rejected)?;
        }
        let mut builder = builder.answer();
        push_all(&mut builder, &self.answer)?;
        let mut builder = builder.authority();
        push_all(&mut builder, &self.authority)?;
        let mut builder = builder.additional();
        push_all(&mut builder, &self.additional)?;
        Ok(builder.finish())
    }
}

fn push_all<T: Composer>(
    section: &mut impl RecordSectionBuilder<T>,
    records: &[MockRecord],
) -> Result<(), MockError> {
    for record in records {
        let data = UnknownRecordData::from_octets(Rtype::from(record.rtype), &record.data);
        let data = data.map_err(|_| MockError::TooLong("record"))?;
        let (class, ttl) = (Class::from(record.class), Ttl::from_secs(record.ttl));
        section.push((parse(&record.owner)?, class, ttl, data)).map_err(rejected)?;
    }
    Ok(())
}

const fn rejected(_: PushError) -> MockError {
    too_long()
}

const fn too_long() -> MockError {
    MockError::TooLong("message")
}
