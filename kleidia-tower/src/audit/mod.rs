//! The audit log: events, the hash chain of their records, and sinks.

mod denials;
mod event;
mod reason;
mod record;
mod request;
mod sinks;
mod store;
mod trail;

pub use event::{AuditEvent, AuditIdentity, EventKind, Outcome};
pub use reason::{OverrideReason, Reason};
pub use record::{AuditRecord, ChainDigest, ChainHead};
pub use request::{AuditedRequest, MatchedRoute};
pub use sinks::{AuditSink, AuditSinks, TracingSink};
pub use store::{AuditQuery, AuditStore, ChainCheck};
pub use trail::AuditTrail;
