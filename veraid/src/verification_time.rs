//! The time of a verification: an instant or a period.

use std::time::Duration;

use crate::budget::Budget;
use crate::crypto::SignatureVerifier;
use crate::dnssec::DnssecChain;
use crate::period::ValidityTracker;
use crate::{Period, Timestamp, VerificationError};

/// The time at which a bundle must be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationTime {
    /// One instant. The TTL override of the organisation's TXT record has no effect.
    At(Timestamp),
    /// At least one instant of a period, which precedes its end by at most the TTL override of the
    /// organisation's TXT record.
    During(Period),
}

impl From<Timestamp> for VerificationTime {
    fn from(at: Timestamp) -> Self {
        Self::At(at)
    }
}

impl From<Period> for VerificationTime {
    fn from(period: Period) -> Self {
        Self::During(period)
    }
}

impl VerificationTime {
    pub(crate) const fn period(self) -> Period {
        match self {
            Self::At(at) => Period::at(at),
            Self::During(period) => period,
        }
    }

    pub(crate) fn budget(self, verifier: &mut dyn SignatureVerifier) -> Budget<'_> {
        match self {
            Self::At(_) => Budget::new(verifier),
            Self::During(_) => Budget::memoising(verifier),
        }
    }

    /// Returns the instants to try.
    ///
    /// Periods share an instant if and only if they share the latest of their starts, so the
    /// starts within the requested period are enough.
    pub(crate) fn candidate_instants(
        self,
        chain: &DnssecChain<'_>,
        requested: Period,
    ) -> Vec<Timestamp> {
        let mut instants = vec![requested.start()];
        if let Self::During(_) = self {
            let inceptions = chain.inceptions(requested.start());
            instants.extend(
                inceptions
                    .into_iter()
                    .filter(|at| *at > requested.start() && *at <= requested.end()),
            );
        }
        instants
    }

    /// Returns when the bundle is valid, given when its chain is.
    pub(crate) fn combined_validity(
        self,
        chain: Period,
        validity: ValidityTracker,
        ttl_override: Duration,
    ) -> Result<Period, VerificationError> {
        let requested = match self {
            Self::At(_) => validity.valid,
            Self::During(_) => {
                // `docs/protocol.md`, "TXT records": `[max(start, end - override), end]` of the
                // requested period.
                let end = self.period().end();
                let start = end.saturating_sub(ttl_override).unwrap_or(Timestamp::MIN);
                let start = start.max(validity.requested.start());
                let aged =
                    VerificationError::TtlOverride { requested: self.period(), ttl_override };
                Period::new(start, validity.requested.end()).ok_or(aged)?
            }
        };
        chain.intersection(requested).ok_or(VerificationError::NoCommonInstant { requested })
    }
}
