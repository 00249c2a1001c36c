//! The TXT record that publishes a key.

use std::time::Duration;

use super::IssueError;
use crate::cert::RsaPublicKey;
use crate::{Limits, ObjectIdentifier, TxtRecord};

/// Returns the TXT record that an organisation publishes at `_veraid.<name>` for its key.
///
/// The key is the DER of a `SubjectPublicKeyInfo`. The TTL override is the maximum age of the key's
/// signatures before the end of a verified period. Without a service, the record is for any.
/// Publish a key for one organisation only: a signature for one could be presented as the other's.
///
/// ```
/// use std::time::Duration;
///
/// use veraid::KeyAlgorithm;
/// use veraid::issue::{RsaSigner, Signer, txt_record};
///
/// let key = RsaSigner::generate(KeyAlgorithm::Rsa3072)?;
/// let ttl_override = Duration::from_secs(3600);
/// let record = txt_record(key.subject_public_key_info(), ttl_override, None)?;
/// assert_eq!(record.key_algorithm(), KeyAlgorithm::Rsa3072);
/// println!("_veraid.example.com. IN TXT \"{record}\"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`IssueError::PublicKey`] unless it is an RSA key of 2048, 3072 or 4096 bits, and
/// [`IssueError::TxtRecord`] unless the TTL override is in whole seconds,
/// from one second to [`TxtRecord::MAX_TTL_OVERRIDE`].
pub fn txt_record(
    subject_public_key_info: &[u8],
    ttl_override: Duration,
    service: Option<ObjectIdentifier>,
) -> Result<TxtRecord, IssueError> {
    let key = RsaPublicKey::from_der(subject_public_key_info, &Limits::default())
        .map_err(IssueError::PublicKey)?;
    Ok(TxtRecord::new(key.algorithm, subject_public_key_info, ttl_override, service)?)
}
