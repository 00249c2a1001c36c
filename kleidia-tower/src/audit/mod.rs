//! The audit log: events, their records, the Merkle log that seals them, and sinks.

mod checkpoint;
mod denials;
mod detachment;
mod event;
mod export;
mod key;
mod proof;
mod reason;
mod record;
mod record_json;
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
pub use detachment::Detachment;
pub use event::{AuditEvent, AuditIdentity, EventKind, Outcome};
pub use export::{ExportError, ExportReader, detach, export};
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
