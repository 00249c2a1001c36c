//! Encodes the octets of a case in a request, unless no request can carry them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::case::{Case, Kind};
use crate::folder;

/// The header value of a case, or the reason why there is none.
pub(crate) enum RequestEncoding {
    Header(HeaderValue),
    Skipped(SkipReason),
}

/// The reason why no request can represent a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SkipReason {
    /// It is about an identity without a signature.
    MemberId,
    /// It is about DNS messages alone.
    Chain,
    /// It is about another service than Kliento, or about a period instead of an instant.
    Signature,
    /// The value has a line break, which HTTP does not have in fields (RFC 9110, 5.5).
    LineBreak,
}

impl RequestEncoding {
    /// Matches every kind, so that a new one has to be added here.
    pub(crate) fn from_case(case: &Case) -> Self {
        let octets = std::fs::read(folder().join(&case.file)).expect("a file of the index");
        match case.kind {
            Kind::Authorization => match HeaderValue::from_bytes(&octets) {
                Ok(value) => Self::Header(value),
                Err(_) => Self::Skipped(SkipReason::LineBreak),
            },
            Kind::TokenBundle => Self::in_base64(&octets),
            Kind::SignatureBundle => {
                let is_kliento = case.service.as_deref() == Some(kliento_core::SERVICE);
                let is_encodable = is_kliento && case.at.is_some() && case.during.is_none();
                if is_encodable {
                    Self::in_base64(&octets)
                } else {
                    Self::Skipped(SkipReason::Signature)
                }
            }
            Kind::MemberIdBundle => Self::Skipped(SkipReason::MemberId),
            Kind::Chain => Self::Skipped(SkipReason::Chain),
        }
    }

    fn in_base64(octets: &[u8]) -> Self {
        let value = format!("Kliento {}", STANDARD.encode(octets));
        Self::Header(HeaderValue::try_from(value).expect("Base64 in a header"))
    }
}

impl SkipReason {
    pub(crate) const ALL: [Self; 4] =
        [Self::MemberId, Self::Chain, Self::Signature, Self::LineBreak];
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemberId => "is a member id bundle, which signs nothing",
            Self::Chain => "is a DNSSEC chain alone",
            Self::Signature => "is about another service, or a period",
            Self::LineBreak => "has a line break, which no HTTP field has",
        })
    }
}
