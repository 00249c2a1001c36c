//! Who is calling, for as long as that is proven.

use std::sync::Arc;

use kliento::SignerKind;
use kliento_tower::{Clock, WorkloadIdentity};
use tonic::{Request, Status};

use crate::v1::{self, Signer};

/// The identity that the layer found, and the clock by which it lapses.
///
/// The layer looks at the clock once, when a call begins. A call that goes on for longer, as
/// streams do, has to look again: whoever calls would else outlive their token.
pub(crate) struct ProvenCaller {
    identity: WorkloadIdentity,
    clock: Arc<dyn Clock>,
}

impl ProvenCaller {
    /// Who makes this call.
    ///
    /// # Errors
    /// `Internal` if there is no layer around the service, which is the service's mistake.
    pub(crate) fn of<T>(request: &Request<T>, clock: &Arc<dyn Clock>) -> Result<Self, Status> {
        let identity = request.extensions().get::<WorkloadIdentity>();
        let identity = identity.ok_or_else(|| Status::internal("no KlientoAuthLayer is here"))?;
        Ok(Self { identity: identity.clone(), clock: Arc::clone(clock) })
    }

    /// Who makes this call, if that still is proven.
    ///
    /// # Errors
    /// `Unauthenticated` if the proof has lapsed, `Unavailable` if nobody knows the time.
    pub(crate) fn now(&self) -> Result<&WorkloadIdentity, Status> {
        let now =
            self.clock.now().ok_or_else(|| Status::unavailable("The clock is unavailable"))?;
        if self.identity.period().contains(now) {
            Ok(&self.identity)
        } else {
            Err(Status::unauthenticated("The token bundle has lapsed (credentials_invalid)"))
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
