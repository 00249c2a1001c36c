//! The caller, as long as the bundle is valid.

use std::sync::Arc;

use kliento::SignerKind;
use kliento_tower::{Clock, WorkloadIdentity};
use tonic::{Request, Status};

use crate::v1::{self, Signer};

/// The caller's identity, and the clock by which it expires.
///
/// The layer ends a stream when the token expires, and notices within half a lease that the clock
/// was set. Checked for each message, that is noticed at once.
pub(crate) struct VerifiedCaller {
    identity: WorkloadIdentity,
    clock: Arc<dyn Clock>,
}

impl VerifiedCaller {
    /// Returns the caller of a request.
    ///
    /// # Errors
    /// `Internal` if the service has no `KlientoAuthLayer`.
    pub(crate) fn from_request<T>(
        request: &Request<T>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Status> {
        let identity = request.extensions().get::<WorkloadIdentity>();
        let identity = identity.ok_or_else(|| Status::internal("missing KlientoAuthLayer"))?;
        Ok(Self { identity: identity.clone(), clock: Arc::clone(clock) })
    }

    /// Returns the caller's identity if the bundle is still valid.
    ///
    /// # Errors
    /// `Unauthenticated` if the bundle has expired, `Unavailable` without a clock.
    pub(crate) fn check_validity(&self) -> Result<&WorkloadIdentity, Status> {
        let now = self.clock.now().ok_or_else(|| Status::unavailable("Clock unavailable"))?;
        if self.identity.period().contains(now) {
            Ok(&self.identity)
        } else {
            Err(Status::unauthenticated("The token bundle has expired (credentials_invalid)"))
        }
    }
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
