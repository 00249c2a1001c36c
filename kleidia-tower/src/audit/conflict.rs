//! Why a process does not continue an audit log.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::verification::records;
use super::{AuditVerifierKey, Checkpoint};

/// The reason for which a process does not continue an audit log. Its records stay unsealed until
/// the operator decides: see [`AuditKey::accept`](super::AuditKey::accept).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogConflict {
    /// The log does not continue the newest checkpoint that the process has signed or verified: it
    /// was altered, or replaced by an older one.
    #[error(
        "the audit log has {}, which does not continue {}",
        name(found.as_deref()), name(Some(known))
    )]
    Inconsistent {
        /// The newest checkpoint that the process has signed or verified.
        known: Box<Checkpoint>,
        /// The checkpoint of the log; `None` if it is empty.
        found: Option<Box<Checkpoint>>,
    },
    /// The log is empty, but the key may have signed another one: no checkpoint of it is known.
    #[error(
        "the audit log is empty, and no checkpoint says that its key is new; if it is, accept the \
         empty log: `portal audit accept --size 0`"
    )]
    KeyMayBeUsed,
    /// The log has another key.
    #[error("the audit log has the key {registered}, and not the key {given}")]
    OtherKey {
        /// The key of the log.
        registered: String,
        /// The key with which the store was opened.
        given: AuditVerifierKey,
    },
    /// The key that is to replace that of the log is the one which the log has had from its start.
    #[error("the audit log has had this key from its start, expected another one to replace it")]
    NotReplaced,
    /// The log has a checkpoint, but its key is missing in the database.
    #[error("the audit log has a checkpoint, but its key is missing in the database")]
    MissingKey,
}

impl LogConflict {
    pub(crate) fn inconsistent(known: &Checkpoint, found: Option<&Checkpoint>) -> Self {
        Self::Inconsistent { known: Box::new(known.clone()), found: found.cloned().map(Box::new) }
    }
}

fn name(checkpoint: Option<&Checkpoint>) -> String {
    match checkpoint {
        None => "no checkpoint".to_owned(),
        Some(checkpoint) => {
            let root = BASE64_STANDARD.encode(checkpoint.root());
            format!("a checkpoint of {} with the root {root}", records(checkpoint.size()))
        }
    }
}
