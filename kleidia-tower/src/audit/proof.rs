//! Proofs that a record is in the log, which are checked offline.

use serde::{Deserialize, Serialize};
use tlog_tiles::{EMPTY_HASH, Hash, check_record, node_hash};

use super::record_json::{RecordJson, decode_hashes, encode_hashes};
use super::tree::leaf_hash;
use super::{AuditRecord, AuditVerifierKey, Checkpoint, CheckpointError, LogHash};

/// A proof that a record is in the log (RFC 6962, 2.1.1), with the record and a checkpoint.
///
/// ```
/// use kleidia_tower::audit::{AuditKey, AuditStore, InclusionProof};
/// use kleidia_tower::store::MemoryStore;
/// # use kleidia_tower::audit::{AuditEvent, EventKind, Outcome};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AuditKey::generate("audit.example.com")?;
/// let store = MemoryStore::with_audit_key(key.clone());
/// # let event = AuditEvent { at: Default::default(), kind: EventKind::Logout, outcome: Outcome::Success,
/// #     user: None, actor: None, session: None, client: Default::default(), request: None, reason: None };
/// # store.append(vec![event]).await?;
/// # store.seal().await?;
/// # let sequence = 1;
/// let proof = store.prove(sequence).await?.ok_or("no such record")?;
/// let json = proof.to_json();
/// // Elsewhere, without the database:
/// let proof = InclusionProof::from_json(&json)?;
/// let checkpoint = proof.check(key.verifier_key())?;
/// assert_eq!((proof.record().sequence, checkpoint.size()), (sequence, 1));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    record: AuditRecord,
    leaf_index: u64,
    hashes: Vec<LogHash>,
    checkpoint: String,
}

/// The reason for which a proof is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The text is not a proof, or has a value that this version does not know.
    #[error("malformed proof")]
    Malformed,
    /// The checkpoint is not accepted.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The log of the checkpoint does not have this record at this index.
    #[error("the record is not in the log of the checkpoint")]
    NotIncluded,
}

impl InclusionProof {
    pub(crate) const fn new(
        record: AuditRecord,
        leaf_index: u64,
        hashes: Vec<LogHash>,
        checkpoint: String,
    ) -> Self {
        Self { record, leaf_index, hashes, checkpoint }
    }

    /// Returns the record.
    #[must_use]
    pub const fn record(&self) -> &AuditRecord {
        &self.record
    }

    /// Returns the index of the record's leaf: 0 for the first one in the log.
    #[must_use]
    pub const fn leaf_index(&self) -> u64 {
        self.leaf_index
    }

    /// Checks the proof, and returns its checkpoint.
    ///
    /// # Errors
    /// [`ProofError`] if the checkpoint is not signed by this key, or if its log does not have this
    /// record at this index.
    pub fn check(&self, key: &AuditVerifierKey) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, key)?;
        self.check_in(&checkpoint)?;
        Ok(checkpoint)
    }

    /// Checks the proof against the checkpoint that it is for, which was verified.
    pub(crate) fn check_in(&self, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let hashes = self.hashes.iter().copied().map(Hash).collect();
        let (root, leaf) = (Hash(*checkpoint.root()), Hash(leaf_hash(&self.record.leaf())));
        let checked = check_record(&hashes, checkpoint.size(), root, self.leaf_index, leaf);
        let is_same = self.checkpoint == checkpoint.note();
        checked.ok().filter(|()| is_same).ok_or(ProofError::NotIncluded)
    }

    /// Returns the root of the log when this record was its last one. The proof must have been
    /// checked against this checkpoint.
    pub(crate) fn root_at_leaf(&self, checkpoint: &Checkpoint) -> LogHash {
        let leaf = Hash(leaf_hash(&self.record.leaf()));
        let earlier = self.hashes_of_earlier_leaves(checkpoint);
        earlier.fold(leaf, |right, left| node_hash(left, right)).0
    }

    /// Returns the root of the log before it had this record. The proof must have been checked
    /// against this checkpoint.
    pub(crate) fn root_before_leaf(&self, checkpoint: &Checkpoint) -> LogHash {
        let earlier = self.hashes_of_earlier_leaves(checkpoint);
        earlier.reduce(|right, left| node_hash(left, right)).unwrap_or(EMPTY_HASH).0
    }

    /// Returns the hashes of the proof that are of earlier leaves: those of the complete subtrees
    /// over all of them, from the right to the left (RFC 9162, 2.1.3.2).
    fn hashes_of_earlier_leaves(&self, checkpoint: &Checkpoint) -> impl Iterator<Item = Hash> {
        let (mut index, mut last) = (self.leaf_index, checkpoint.size().saturating_sub(1));
        self.hashes.iter().filter_map(move |hash| {
            let is_earlier = index & 1 == 1 || index == last;
            if is_earlier {
                while index & 1 == 0 && index != 0 {
                    (index, last) = (index >> 1, last >> 1);
                }
            }
            (index, last) = (index >> 1, last >> 1);
            is_earlier.then_some(Hash(*hash))
        })
    }

    /// Returns the note of the checkpoint.
    pub(crate) fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    pub(super) fn hashes(&self) -> &[LogHash] {
        &self.hashes
    }

    /// Returns the proof as JSON: the record's fields, `leaf_index`, `hashes` in Base64, and the
    /// signed note `checkpoint`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let proof = ProofJson {
            record: RecordJson::from(&self.record),
            leaf_index: self.leaf_index,
            hashes: encode_hashes(&self.hashes),
            checkpoint: self.checkpoint.clone(),
        };
        // Texts and numbers can always be written.
        serde_json::to_string_pretty(&proof).unwrap_or_default()
    }

    /// Parses a proof. It is not yet checked.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn from_json(text: &str) -> Result<Self, ProofError> {
        let proof: ProofJson = serde_json::from_str(text).map_err(|_| ProofError::Malformed)?;
        let hashes = decode_hashes(&proof.hashes)?;
        let record = AuditRecord::try_from(proof.record)?;
        let (leaf_index, checkpoint) = (proof.leaf_index, proof.checkpoint);
        Ok(Self { record, leaf_index, hashes, checkpoint })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofJson {
    record: RecordJson,
    leaf_index: u64,
    hashes: Vec<String>,
    checkpoint: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditEvent, AuditIdentity, AuditKey, AuditedRequest, EventKind, Outcome};
    use crate::{ClientInfo, SessionId, Timestamp, UserAgent, UserId};

    fn proof(key: &AuditKey) -> InclusionProof {
        let event = AuditEvent {
            at: Timestamp::constant(1_795_370_580, 0),
            kind: EventKind::PermissionDenied,
            outcome: Outcome::Failure,
            user: Some(AuditIdentity { id: Some(UserId::new(1)), name: "alice".to_owned() }),
            actor: Some(AuditIdentity { id: None, name: "workload@example.com".to_owned() }),
            session: Some(SessionId::new(3)),
            client: ClientInfo {
                address: "192.0.2.1".parse().ok(),
                user_agent: Some(UserAgent::new("Agent/1")),
            },
            request: Some(AuditedRequest::new("DELETE", Some("/users/{id}"))),
            reason: None,
        };
        let record = AuditRecord::new(7, event, key);
        let root = leaf_hash(&record.leaf());
        let checkpoint = Checkpoint::sign(1, root, &[key]).unwrap();
        InclusionProof::new(record, 0, Vec::new(), checkpoint.note().to_owned())
    }

    #[test]
    fn json_keeps_the_proof() {
        let key = AuditKey::generate("log").unwrap();
        let proof = proof(&key);
        let parsed = InclusionProof::from_json(&proof.to_json()).unwrap();
        assert_eq!(parsed, proof);
        assert_eq!(parsed.check(key.verifier_key()).unwrap().size(), 1);
    }

    #[test]
    fn rejects_altered_proofs() {
        let key = AuditKey::generate("log").unwrap();
        let proof = proof(&key);
        let json = proof.to_json();
        for (from, to, expected) in [
            ("\"alice\"", "\"bob\"", ProofError::NotIncluded),
            ("\"sequence\": 7", "\"sequence\": 8", ProofError::NotIncluded),
            ("\"leaf_index\": 0", "\"leaf_index\": 1", ProofError::NotIncluded),
            ("\"192.0.2.1\"", "null", ProofError::NotIncluded),
            ("\\n1\\n", "\\n2\\n", ProofError::Checkpoint(CheckpointError::InvalidSignature)),
        ] {
            assert!(json.contains(from), "{json}");
            let altered = InclusionProof::from_json(&json.replace(from, to)).unwrap();
            assert_eq!(altered.check(key.verifier_key()).unwrap_err(), expected, "{from}");
        }
        let other = AuditKey::generate("log").unwrap();
        let unsigned = ProofError::Checkpoint(CheckpointError::InvalidSignature);
        assert_eq!(proof.check(other.verifier_key()).unwrap_err(), unsigned);
        for (from, to) in [
            ("\"DELETE\"", "null"),
            ("\"permission.denied\"", "\"another\""),
            ("\"mac\": \"", "\"mac\": \"AA"),
            ("\"record\"", "\"records\""),
        ] {
            let malformed = InclusionProof::from_json(&json.replace(from, to)).unwrap_err();
            assert_eq!(malformed, ProofError::Malformed, "{from}");
        }
    }
}
