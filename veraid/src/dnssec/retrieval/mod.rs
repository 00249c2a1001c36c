//! The DNS queries whose responses form a chain, without the transport.

mod query;
mod response;
mod stored;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use domain::base::iana::Rtype;
use domain::base::name::{Name, ToName};

use self::stored::{AnswerSection, StoredResponse};
use crate::{Excerpt, LimitExceeded, Limits, OrganisationName};

pub use self::query::{Query, Question};
pub use self::response::ResponseError;

/// Collects the DNSSEC chain from the root to the TXT records of one owner.
///
/// It does no I/O: the caller sends the queries to a recursive resolver that returns signatures,
/// and passes on the responses. No query depends on the response to another one, so all may be
/// sent concurrently. The result is **not verified**.
///
/// The questions are those of deployed VeraId implementations: the DNSKEY RRset (RFC 4034, 2) of
/// the root and of each name down to the owner, the DS RRset (RFC 4034, 5) of each but the root,
/// and the TXT RRset.
///
/// ```
/// use veraid::retrieval::{ChainRetrieval, Query, RetrievalError};
///
/// fn retrieve(
///     mut send: impl FnMut(&Query) -> Vec<u8>,
/// ) -> Result<Vec<Vec<u8>>, RetrievalError> {
///     let mut retrieval = ChainRetrieval::new("_veraid.example.com")?;
///     for query in retrieval.unanswered() {
///         let response = send(&query);
///         retrieval.answer(&query, &response)?;
///     }
///     retrieval.finish()
/// }
/// # assert!(retrieve(|_| Vec::new()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct ChainRetrieval {
    owner: Name<Vec<u8>>,
    queries: Vec<QueryState>,
    /// The zone that signed the TXT records.
    zone: Option<Name<Vec<u8>>>,
}

/// A query, and what the chain stores of its response once it has arrived.
#[derive(Clone, Debug)]
struct QueryState {
    query: Query,
    stored: Option<StoredResponse>,
    /// The zone that signed the records of the response.
    signer: Option<Name<Vec<u8>>>,
}

/// The error of a retrieval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetrievalError {
    /// The owner is not a valid domain name (RFC 1035, 2.3.4).
    #[error("invalid domain name {:?}", Excerpt(.0))]
    Owner(String),
    /// The chain exceeds the limits of a verification.
    #[error("chain limit exceeded: {0}")]
    Limit(#[from] LimitExceeded),
    /// The question is not one of this retrieval.
    #[error("unexpected response to {0}")]
    UnexpectedResponse(Question),
    /// A response is unusable.
    #[error("{question}: {error}")]
    Response {
        /// The question.
        question: Question,
        /// The error of the response.
        #[source]
        error: ResponseError,
    },
    /// The root's keys are unsigned: the resolver does not return DNSSEC records.
    #[error(
        "the resolver does not return DNSSEC signatures: the DNSKEY RRset of the root is unsigned"
    )]
    ResolverWithoutDnssec,
    /// The owner has no TXT records.
    #[error("no TXT records at {}{}", Excerpt(.owner), if *.is_name_missing { ": no such name" } else { "" })]
    NoRecords {
        /// The owner.
        owner: String,
        /// Whether the name does not exist (NXDOMAIN).
        is_name_missing: bool,
    },
    /// The owner is an alias (CNAME), which is not followed.
    #[error("{} is an alias", Excerpt(.owner))]
    Alias {
        /// The name that is an alias.
        owner: String,
    },
    /// The TXT records are unsigned: their zone has no DNSSEC.
    #[error("unsigned TXT records at {}", Excerpt(.owner))]
    Unsigned {
        /// The owner.
        owner: String,
    },
    /// Some queries have no response yet.
    #[error("missing responses: {}", join(.0))]
    MissingResponses(Vec<Question>),
}

impl ChainRetrieval {
    /// Starts the retrieval of the TXT records of any owner, with or without the final dot.
    ///
    /// # Errors
    /// [`RetrievalError::Owner`] if it is not a valid domain name, and [`RetrievalError::Limit`]
    /// above [`Limits::LABELS`].
    pub fn new(owner: &str) -> Result<Self, RetrievalError> {
        let name = Name::<Vec<u8>>::vec_from_str(owner)
            .map_err(|_| RetrievalError::Owner(owner.to_owned()))?
            .to_canonical_name::<Vec<u8>>();
        // `label_count` includes the root's.
        LimitExceeded::check("labels", name.label_count() - 1, Limits::LABELS)?;
        let queries = questions(&name)
            .into_iter()
            .map(|question| {
                Some(QueryState { query: Query::new(question)?, stored: None, signer: None })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| RetrievalError::Owner(owner.to_owned()))?;
        Ok(Self { owner: name, queries, zone: None })
    }

    /// Starts the retrieval of an organisation's chain, whose TXT records are at
    /// [`OrganisationName::txt_owner`].
    ///
    /// # Errors
    /// [`RetrievalError::Limit`] above [`Limits::LABELS`].
    pub fn for_organisation(organisation: &OrganisationName) -> Result<Self, RetrievalError> {
        Self::new(&organisation.txt_owner())
    }

    /// Returns the queries without a response.
    #[must_use]
    pub fn unanswered(&self) -> Vec<Query> {
        let open = self.queries.iter().filter(|state| state.stored.is_none());
        open.map(|state| state.query.clone()).collect()
    }

    /// Stores the response to a query: a whole DNS message, without the length prefix of TCP.
    ///
    /// The message ID must be the query's. After an error the query remains unanswered.
    ///
    /// # Errors
    /// [`RetrievalError::Response`] if a retry or another resolver may succeed (see
    /// [`Query::check`]), [`RetrievalError::NoRecords`], [`RetrievalError::Alias`] or
    /// [`RetrievalError::Unsigned`] if the chain cannot be valid, and
    /// [`RetrievalError::ResolverWithoutDnssec`].
    pub fn answer(&mut self, query: &Query, response: &[u8]) -> Result<(), RetrievalError> {
        let question = query.question();
        let state = self.queries.iter_mut().find(|state| state.query.question() == question);
        let state = state.ok_or_else(|| RetrievalError::UnexpectedResponse(question.clone()))?;
        let fail = |error| RetrievalError::Response { question: question.clone(), error };
        let message = query.read(response).map_err(fail)?;
        let section = AnswerSection::read(question, message).map_err(fail)?;
        if question.rtype() == Rtype::TXT {
            self.zone = Some(zone_of_records(&section, &self.owner)?);
        } else if question.is_for_root_keys() && section.is_unsigned() {
            return Err(RetrievalError::ResolverWithoutDnssec);
        }
        state.stored = Some(section.store(question, message).map_err(fail)?);
        state.signer = section.zone();
        Ok(())
    }

    /// Returns the chain's messages, one for each question, in the order of deployed
    /// implementations.
    ///
    /// A question without a response is left out if the chain does not need one: if it is about a
    /// name that is not a zone on the way to the records. Deployed implementations do not need it
    /// either.
    ///
    /// Each message has only the question and the records that answer it. Names are in lower
    /// case, TTLs are equal, the ID is 0, and only the flag QR is set. The signatures stay valid,
    /// because they don't cover what was changed (RFC 4034, 3.1.8.1).
    ///
    /// # Errors
    /// [`RetrievalError::MissingResponses`] with the questions that the chain needs, or
    /// [`RetrievalError::Limit`] above [`Limits::CHAIN_OCTETS`].
    pub fn finish(self) -> Result<Vec<Vec<u8>>, RetrievalError> {
        let missing = self.missing_questions();
        if !missing.is_empty() {
            return Err(RetrievalError::MissingResponses(missing));
        }
        let Self { queries, zone, .. } = self;
        let zone = zone.unwrap_or_else(Name::root_vec);
        let stored = queries.into_iter().filter_map(|state| Some((state.query, state.stored?)));
        let messages: Vec<_> =
            stored.map(|(query, stored)| stored.into_message(query.question(), &zone)).collect();
        let octets = messages.iter().map(Vec::len).sum();
        LimitExceeded::check("octets", octets, Limits::CHAIN_OCTETS)?;
        Ok(messages)
    }
}

impl ChainRetrieval {
    /// Returns the questions without a response that the chain needs: of the TXT records, and of
    /// each zone from that of the records up to the root, each of which signs the delegation below
    /// it.
    fn missing_questions(&self) -> Vec<Question> {
        let Some(records_zone) = &self.zone else {
            let open = self.queries.iter().filter(|state| state.stored.is_none());
            return open.map(|state| state.query.question().clone()).collect();
        };
        let mut missing = Vec::new();
        let mut zone = records_zone.clone();
        loop {
            missing.extend(self.missing_question(&zone, Rtype::DNSKEY));
            if zone.is_root() {
                return missing;
            }
            missing.extend(self.missing_question(&zone, Rtype::DS));
            let delegation = self.state(&zone, Rtype::DS).and_then(|state| state.signer.clone());
            // The parent of an unsigned delegation is unknown; only ancestors sign one.
            zone = delegation.filter(|parent| *parent != zone).unwrap_or_else(Name::root_vec);
        }
    }

    fn missing_question(&self, zone: &Name<Vec<u8>>, rtype: Rtype) -> Option<Question> {
        let open = self.state(zone, rtype).filter(|state| state.stored.is_none());
        open.map(|state| state.query.question().clone())
    }

    fn state(&self, name: &Name<Vec<u8>>, rtype: Rtype) -> Option<&QueryState> {
        self.queries.iter().find(|state| {
            let question = state.query.question();
            question.rtype() == rtype && question.name() == name
        })
    }
}

fn questions(owner: &Name<Vec<u8>>) -> Vec<Question> {
    let mut names: Vec<_> = owner.iter_suffixes().map(|name| name.to_vec()).collect();
    names.reverse();
    let keys = names.iter().map(|name| Question::new(name.clone(), Rtype::DNSKEY));
    let ds_records = names.iter().skip(1).map(|name| Question::new(name.clone(), Rtype::DS));
    let records = Question::new(owner.clone(), Rtype::TXT);
    keys.chain(ds_records).chain([records]).collect()
}

/// Returns the zone that signed the TXT records.
fn zone_of_records(
    section: &AnswerSection,
    owner: &Name<Vec<u8>>,
) -> Result<Name<Vec<u8>>, RetrievalError> {
    let owner = owner.to_string();
    if section.is_alias() {
        Err(RetrievalError::Alias { owner })
    } else if section.is_empty() {
        Err(RetrievalError::NoRecords { owner, is_name_missing: section.is_name_missing() })
    } else {
        section.zone().ok_or(RetrievalError::Unsigned { owner })
    }
}

fn join(questions: &[Question]) -> String {
    let mut text = String::new();
    for (index, question) in questions.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{question}");
    }
    text
}
