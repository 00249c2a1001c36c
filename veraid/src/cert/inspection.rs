//! The contents of a certificate, valid or not.

use super::name::read_common_name;
use super::{Certificate, CertificateError, RsaPublicKey, read_pss_hash};
use crate::crypto::Hash;
use crate::der::{Reader, Tag};
use crate::inspect::CheckResult;
use crate::period::{NoOverlap, ValidityTracker};
use crate::{Hex, KeyAlgorithm, Limits, Period, Timestamp};

/// A certificate of a bundle, unverified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedCertificate {
    /// The subject's only common name, if it can be read.
    pub subject: Option<String>,
    /// The issuer's only common name, if it can be read.
    pub issuer: Option<String>,
    /// The serial number, without leading zeros.
    pub serial: Hex,
    /// The start of the validity.
    pub not_before: Timestamp,
    /// The last instant of the validity.
    pub not_after: Timestamp,
    /// The size of its key, if it is supported.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// The hash of its RSASSA-PSS signature, if the algorithm is supported.
    pub signature_hash: Option<Hash>,
    /// The result of the check at the instant.
    pub check: CheckResult<CertificateError>,
}

impl InspectedCertificate {
    /// Inspects a certificate, given the result of its verification at any time, and returns that
    /// result.
    pub(crate) fn inspect<T>(
        certificate: &Certificate<'_>,
        verified: Result<T, CertificateError>,
        at: ValidityTracker,
    ) -> (Self, Option<T>) {
        let mut inspected = Self::unchecked(certificate);
        match verified {
            Ok(verified) => {
                inspected.check = inspected.check_at(at);
                (inspected, Some(verified))
            }
            Err(error) => {
                inspected.check = CheckResult::Invalid(error);
                (inspected, None)
            }
        }
    }

    /// A certificate that cannot be checked, because a part that the check needs is missing.
    pub(crate) fn unchecked(certificate: &Certificate<'_>) -> Self {
        let mut issuer = Reader::new(certificate.issuer);
        let issuer = issuer.read(Tag::SEQUENCE).ok();
        let key = RsaPublicKey::read(&certificate.subject_public_key_info, &Limits::default()).ok();
        Self {
            subject: certificate.common_name(),
            issuer: issuer.and_then(|issuer| read_common_name(&issuer).ok()),
            serial: certificate.serial.into(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            key_algorithm: key.map(|key| key.algorithm),
            signature_hash: read_pss_hash(&certificate.algorithm).ok(),
            check: CheckResult::NotChecked,
        }
    }

    fn check_at(&self, mut at: ValidityTracker) -> CheckResult<CertificateError> {
        let (not_before, not_after) = (self.not_before, self.not_after);
        match Period::new(not_before, not_after).map(|validity| at.narrow(validity)) {
            Some(Ok(())) => CheckResult::Valid,
            Some(Err(NoOverlap { requested, validity })) => {
                CheckResult::Invalid(CertificateError::NotValid { requested, validity })
            }
            None => CheckResult::Invalid(CertificateError::Validity { not_before, not_after }),
        }
    }
}
