//! The audit log: events, their records, the Merkle log that seals them, and sinks.

mod checkpoint;
mod checkpoint_file;
mod conflict;
mod denials;
mod event;
mod key;
mod key_files;
mod proof;
mod reason;
mod record;
mod rejection_limiter;
mod rejection_limits;
mod request;
mod sinks;
mod store;
mod trail;
pub(crate) mod tree;
pub(crate) mod verification;
mod verifier_key;

pub use checkpoint::{Checkpoint, CheckpointError, LogHash};
pub use conflict::LogConflict;
pub use event::{AuditEvent, AuditIdentity, EventKind, Outcome};
pub use key::{AuditKey, AuditKeyError};
pub use proof::{InclusionProof, ProofError};
pub use reason::{OverrideReason, Reason};
pub use record::{AuditRecord, RecordMac};
pub use rejection_limits::RejectionLimits;
pub use request::{AuditedRequest, MatchedRoute};
pub use sinks::{AuditSink, AuditSinks, TracingSink};
pub use store::{AuditQuery, AuditStore};
pub use trail::AuditTrail;
pub use verification::{LogFault, LogVerification};
pub use verifier_key::{AuditVerifierKey, LogKey};
