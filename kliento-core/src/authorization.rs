//! The value of the `Authorization` header: `Kliento <base64>`.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig, Simd};

use crate::MAX_BUNDLE_OCTETS;

const SCHEME: &str = "Kliento";

/// The error of a malformed header value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// The scheme is not `Kliento`.
    #[error("the authentication scheme is not {SCHEME}")]
    Scheme,
    /// The credentials are longer than those of the largest bundle.
    #[error("credentials too long: {found} characters, maximum {maximum}")]
    TooLong {
        /// The maximum.
        maximum: usize,
        /// The number found.
        found: usize,
    },
    /// The credentials are not valid Base64.
    #[error("invalid Base64 in the credentials: {reason}")]
    Base64 {
        /// The reason.
        reason: String,
    },
}

/// Reads `Kliento <base64>`, with the scheme in any case and with optional padding.
///
/// The length is checked before decoding.
pub(crate) fn decode(value: &[u8]) -> Result<Vec<u8>, AuthorizationError> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len()).ok_or(AuthorizationError::Scheme)?;
    let credentials = rest.trim_ascii_start();
    let is_scheme = scheme.eq_ignore_ascii_case(SCHEME.as_bytes());
    // RFC 9110, 11.4: one or more spaces, no other white space.
    let separator = rest.len() - credentials.len();
    let is_separated = separator > 0 && rest.iter().take(separator).all(|octet| *octet == b' ');
    if !is_scheme || !is_separated {
        return Err(AuthorizationError::Scheme);
    }
    let maximum = MAX_BUNDLE_OCTETS.div_ceil(3) * 4;
    if credentials.len() > maximum {
        return Err(AuthorizationError::TooLong { maximum, found: credentials.len() });
    }
    decode_base64(credentials)
}

fn decode_base64(credentials: &[u8]) -> Result<Vec<u8>, AuthorizationError> {
    let mode = if credentials.ends_with(b"=") {
        DecodePaddingMode::RequireCanonical
    } else {
        DecodePaddingMode::RequireNone
    };
    let decoded = engine(mode).decode(credentials);
    decoded.map_err(|error| AuthorizationError::Base64 { reason: error.to_string() })
}

/// Writes `Kliento <base64>`, with padding.
pub(crate) fn encode(bundle: &[u8]) -> String {
    format!("{SCHEME} {}", engine(DecodePaddingMode::RequireCanonical).encode(bundle))
}

fn engine(mode: DecodePaddingMode) -> Simd {
    Simd::standard(GeneralPurposeConfig::new().with_decode_padding_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_any_case_and_optional_padding() {
        for value in ["Kliento QUI=", "kliento QUI", "KLIENTO   QUI="] {
            assert_eq!(decode(value.as_bytes()).unwrap(), b"AB", "{value}");
        }
        assert_eq!(encode(b"AB"), "Kliento QUI=");
    }

    #[test]
    fn rejects_other_schemes_and_forms() {
        for value in
            ["", "Kliento", "KlientoQUI=", "Bearer QUI=", "Kliento\tQUI=", "Kliento \tQUI="]
        {
            assert_eq!(decode(value.as_bytes()), Err(AuthorizationError::Scheme), "{value}");
        }
        for credentials in ["QU I=", "QUI= ", "Q", "QQ=", "QUJ=", "-_==", "QUI==", "QUI=QUI="] {
            let rejected = decode(format!("Kliento {credentials}").as_bytes());
            assert!(matches!(rejected, Err(AuthorizationError::Base64 { .. })), "{credentials}");
        }
    }

    #[test]
    fn rejects_long_credentials_before_decoding() {
        let maximum = format!("Kliento {}", "A".repeat(21_848));
        assert_eq!(decode(maximum.as_bytes()).unwrap().len(), 16_386);
        let rejected = decode(format!("{maximum}!").as_bytes());
        assert_eq!(rejected, Err(AuthorizationError::TooLong { maximum: 21_848, found: 21_849 }));
    }
}
