//! The selection of the TXT record that publishes a key.

use crate::cert::Organisation;
use crate::{KeyAlgorithm, ObjectIdentifier, OrganisationName, TxtRecord, VerificationError};

/// A key that one of the organisation's TXT records must publish.
pub(crate) struct PublishedKey<'a> {
    organisation: &'a OrganisationName,
    algorithm: KeyAlgorithm,
    subject_public_key_info: &'a [u8],
    /// Its SHA-256, which most records have.
    sha256: &'a [u8],
    service: &'a ObjectIdentifier,
}

impl<'a> PublishedKey<'a> {
    pub(crate) fn new(organisation: &'a Organisation<'_>, service: &'a ObjectIdentifier) -> Self {
        Self {
            organisation: &organisation.name,
            algorithm: organisation.key.algorithm,
            subject_public_key_info: organisation.certificate.subject_public_key_info(),
            sha256: &organisation.subject_key_id,
            service,
        }
    }

    fn is_in(&self, record: &TxtRecord) -> bool {
        let is_identified = match record.sha256_key_id() {
            Some(key_id) => record.key_algorithm() == self.algorithm && key_id == self.sha256,
            None => record.identifies(self.algorithm, self.subject_public_key_info),
        };
        is_identified && record.service().is_none_or(|service| service == self.service)
    }
}

/// Returns the only record that publishes the key.
///
/// A record for the service takes precedence over one for any service. Two of the same kind are
/// an error. Malformed records are ignored.
pub(crate) fn select_record(
    records: &[Vec<Vec<u8>>],
    key: &PublishedKey<'_>,
) -> Result<TxtRecord, VerificationError> {
    let readable = records.iter().filter_map(|strings| read_record(strings));
    let matching = readable.filter(|record| key.is_in(record));
    let (mut bound, mut unbound): (Vec<_>, Vec<_>) =
        matching.partition(|record| record.service().is_some());
    let candidates = if bound.is_empty() { &mut unbound } else { &mut bound };
    match (candidates.pop(), candidates.len()) {
        (Some(record), 0) => Ok(record),
        (None, _) => Err(VerificationError::KeyNotPublished {
            organisation: key.organisation.clone(),
            service: key.service.clone(),
            records: records.len(),
        }),
        (Some(_), others) => Err(VerificationError::KeyPublishedTwice {
            organisation: key.organisation.clone(),
            found: others + 1,
        }),
    }
}

/// A record of several character-strings is not a VeraId record.
fn read_record(strings: &[Vec<u8>]) -> Option<TxtRecord> {
    match strings {
        [string] => std::str::from_utf8(string).ok()?.parse().ok(),
        _ => None,
    }
}
