//! Encodes a case's octets in a request, or returns why no request can carry them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::case::{Case, Kind};
use crate::folder;

/// The value of the header that carries a case.
pub(crate) enum Carriage {
    Header(HeaderValue),
    None(NotCarried),
}

/// Why no request asks a case's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCarried {
    /// It is about an identity without a signature.
    MemberId,
    /// It is about DNS messages alone.
    Chain,
    /// It is about another service than Kliento, or about a period: the layer asks about now.
    Signature,
    /// The value has a line break, which HTTP does not have in fields (RFC 9110, 5.5).
    LineBreak,
}

impl Carriage {
    /// Matches each kind, so that a new one does not compile.
    pub(crate) fn of(case: &Case) -> Self {
        let octets = std::fs::read(folder().join(&case.file)).expect("a file of the index");
        match case.kind {
            Kind::Authorization => match HeaderValue::from_bytes(&octets) {
                Ok(value) => Self::Header(value),
                Err(_) => Self::None(NotCarried::LineBreak),
            },
            Kind::TokenBundle => Self::in_base64(&octets),
            Kind::SignatureBundle => {
                let is_ours = case.service.as_deref() == Some(kliento::SERVICE);
                let is_carried = is_ours && case.at.is_some() && case.during.is_none();
                if is_carried {
                    Self::in_base64(&octets)
                } else {
                    Self::None(NotCarried::Signature)
                }
            }
            Kind::MemberIdBundle => Self::None(NotCarried::MemberId),
            Kind::Chain => Self::None(NotCarried::Chain),
        }
    }

    fn in_base64(octets: &[u8]) -> Self {
        let value = format!("Kliento {}", STANDARD.encode(octets));
        Self::Header(HeaderValue::try_from(value).expect("Base64 in a header"))
    }
}

impl NotCarried {
    pub(crate) const ALL: [Self; 4] =
        [Self::MemberId, Self::Chain, Self::Signature, Self::LineBreak];
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemberId => "is a member id bundle, which signs nothing",
            Self::Chain => "is a DNSSEC chain alone",
            Self::Signature => "is about another service, or a period",
            Self::LineBreak => "has a line break, which no HTTP field has",
        })
    }
}
