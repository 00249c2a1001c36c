//! A gRPC service for people by access token and workloads by token bundle, with a permission per
//! method.
//!
//! A call passes these layers, from the outside:
//!
//! 1. `RateLimitLayer` limits calls per client address: `RESOURCE_EXHAUSTED`.
//! 2. `JwtSessionLayer` authenticates `Authorization: Bearer <JWT>`, and passes the scheme
//!    `Kliento` to the next layer. Calls without credentials are `UNAUTHENTICATED`.
//! 3. `KlientoAuthLayer` authenticates `Authorization: Kliento <bundle>`.
//! 4. `WorkloadRules` assigns roles to workloads, and inserts a `Principal`.
//! 5. `RbacLayer` checks the permission of the method: `PERMISSION_DENIED`.
//!
//! The layers check a call when it begins, and again while it lasts. A stream ends with the session
//! or the bundle of its caller (`UNAUTHENTICATED`), or with the permission of its method
//! (`PERMISSION_DENIED`), on whichever side a message is due. The service does nothing for that.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod layers;
mod reports;

pub use layers::{Grpc, service};
pub use reports::ReportStore;

/// The messages, the client and the server of `proto/people/example/v1/reports.proto`.
pub mod v1 {
    #![allow(clippy::pedantic, missing_docs, unused_qualifications, reason = "it is generated")]
    tonic::include_proto!("people.example.v1");
}
