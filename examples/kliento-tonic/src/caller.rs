//! The caller, and its message.

use kliento::SignerKind;
use kliento_tower::WorkloadIdentity;
use tonic::{Request, Status};

use crate::v1::{self, Signer};

/// Returns the caller of a request. The layer ends the call when the bundle expires.
///
/// # Errors
/// `Internal` if the service has no `KlientoAuthLayer`.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<&WorkloadIdentity, Status> {
    let identity = request.extensions().get();
    identity.ok_or_else(|| Status::internal("missing KlientoAuthLayer"))
}

impl From<&WorkloadIdentity> for v1::Caller {
    fn from(identity: &WorkloadIdentity) -> Self {
        let signer = match identity.signer() {
            SignerKind::Member => Signer::Member,
            SignerKind::Organisation => Signer::Organisation,
        };
        Self {
            subject: identity.subject().to_owned(),
            claims: identity.claims().clone().into_iter().collect(),
            signer: signer.into(),
            valid_until: identity.valid_until().to_string(),
        }
    }
}
