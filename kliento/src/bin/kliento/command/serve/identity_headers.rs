//! The `Kliento-*` headers, by which a proxy tells a service who sent a request.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kliento::Claims;
use kliento_tower::WorkloadIdentity;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The maximum size of all `Kliento-*` headers of an answer, as in HTTP/1, in octets.
///
/// The claims of the largest bundle fit as `kliento-claims`.
pub(super) const MAX_OCTETS: usize = 24 * 1024;

const SUBJECT: HeaderName = HeaderName::from_static("kliento-subject");
const ORGANISATION: HeaderName = HeaderName::from_static("kliento-organisation");
const USER: HeaderName = HeaderName::from_static("kliento-user");
const SIGNER: HeaderName = HeaderName::from_static("kliento-signer");
const AUDIENCE: HeaderName = HeaderName::from_static("kliento-audience");
const VALID_UNTIL: HeaderName = HeaderName::from_static("kliento-valid-until");
const CLAIMS: HeaderName = HeaderName::from_static("kliento-claims");

/// The headers of each answer, in addition to those of named claims.
const NAMES: [HeaderName; 7] = [SUBJECT, ORGANISATION, USER, SIGNER, AUDIENCE, VALID_UNTIL, CLAIMS];

/// What [`encode`] encodes, in addition to all that is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Writes the identity of a workload into headers.
#[derive(Debug, Default)]
pub(super) struct IdentityHeaders {
    claims: Vec<ClaimHeader>,
}

/// A claim that has a header of its own, `Kliento-Claim-<name>`, in which `-` replaces `_`: nginx
/// and others ignore headers with `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimHeader {
    claim: String,
    header: HeaderName,
}

/// The error of a claim's name that no header can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a claim with a header has only ASCII letters, digits, '-' and '_'")]
pub(crate) struct ClaimHeaderError;

/// Several claims would have the same header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("several claims have the header {0}")]
pub(crate) struct DuplicateClaimHeader(HeaderName);

/// The error of an identity that does not fit the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdentityHeadersError {
    #[error("headers of more than {MAX_OCTETS} octets")]
    TooLarge,
    #[error("invalid header value")]
    Value,
}

impl IdentityHeaders {
    /// Adds the headers of these claims.
    pub(super) fn new(claims: Vec<ClaimHeader>) -> Result<Self, DuplicateClaimHeader> {
        let mut seen = BTreeSet::new();
        match claims.iter().find(|claim| !seen.insert(claim.header.as_str())) {
            Some(duplicate) => Err(DuplicateClaimHeader(duplicate.header.clone())),
            None => Ok(Self { claims }),
        }
    }

    /// Returns the names of all headers.
    pub(super) fn names(&self) -> impl Iterator<Item = HeaderName> {
        NAMES.into_iter().chain(self.claims.iter().map(|claim| claim.header.clone()))
    }

    /// Inserts all headers without a value.
    pub(super) fn insert_empty(&self, headers: &mut HeaderMap) {
        headers.extend(self.names().map(|name| (name, HeaderValue::from_static(""))));
    }

    /// Inserts all headers, or none if they do not fit.
    ///
    /// Percent-decoding gives the text of the subject, the user, the audience and a claim again; so
    /// no text is written as another one.
    pub(super) fn insert(
        &self,
        identity: &WorkloadIdentity,
        headers: &mut HeaderMap,
    ) -> Result<(), IdentityHeadersError> {
        let values = self.values(identity);
        if size_of(&values) > MAX_OCTETS {
            return Err(IdentityHeadersError::TooLarge);
        }
        let values: Result<Vec<_>, _> = values
            .into_iter()
            .map(|(name, value)| HeaderValue::try_from(value).map(|value| (name, value)))
            .collect();
        headers.extend(values.map_err(|_| IdentityHeadersError::Value)?);
        Ok(())
    }

    /// Returns whether the headers have at most [`MAX_OCTETS`].
    pub(super) fn fit(&self, identity: &WorkloadIdentity) -> bool {
        // No octet of a claim takes more than six of JSON, and so eight of Base64. It may be in a
        // header of its own as well, and takes three there. Each name takes less than 300.
        let claims = identity.claims();
        let octets = |(name, value): (&String, &String)| 8 * (name.len() + value.len() + 6);
        let claims: usize = claims.iter().map(octets).sum();
        let names = 3 * (identity.subject().len() + identity.audience().len()) * 2;
        let bound = 2 * claims + names + 300 * (NAMES.len() + self.claims.len());
        bound <= MAX_OCTETS || size_of(&self.values(identity)) <= MAX_OCTETS
    }

    fn values(&self, identity: &WorkloadIdentity) -> Vec<(HeaderName, String)> {
        let user = identity.user().map(ToString::to_string).unwrap_or_default();
        let named = self.claims.iter().map(|ClaimHeader { claim, header }| {
            (header.clone(), encode(identity.claim(claim).unwrap_or_default()))
        });
        [
            (SUBJECT, encode(identity.subject())),
            (ORGANISATION, identity.organisation().to_string()),
            (USER, encode(&user)),
            (SIGNER, identity.signer().to_string()),
            (AUDIENCE, encode(identity.audience())),
            (VALID_UNTIL, identity.valid_until().to_string()),
            (CLAIMS, encode_claims(identity.claims())),
        ]
        .into_iter()
        .chain(named)
        .collect()
    }
}

/// Returns the size of headers in HTTP/1.
fn size_of(values: &[(HeaderName, String)]) -> usize {
    let size = |(name, value): &(HeaderName, String)| {
        name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
    };
    values.iter().map(size).sum()
}

/// Percent-encodes the octets of a text that are not visible ASCII, and `%`. Spaces within stay.
fn encode(text: &str) -> String {
    let encoded = utf8_percent_encode(text, ENCODED).to_string();
    // The ends of a field's value lose their spaces (RFC 9110, 5.5).
    let rest = encoded.trim_start_matches(' ');
    let value = rest.trim_end_matches(' ');
    let spaces = |count: usize| "%20".repeat(count);
    format!("{}{value}{}", spaces(encoded.len() - rest.len()), spaces(rest.len() - value.len()))
}

/// Returns the claims as JSON in Base64url without padding (RFC 4648, 5).
fn encode_claims(claims: &Claims) -> String {
    // A map of text can always be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_string(claims).unwrap_or_default())
}

impl FromStr for ClaimHeader {
    type Err = ClaimHeaderError;

    fn from_str(claim: &str) -> Result<Self, ClaimHeaderError> {
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if claim.is_empty() || !claim.bytes().all(is_allowed) {
            return Err(ClaimHeaderError);
        }
        let header = format!("kliento-claim-{}", claim.replace('_', "-").to_ascii_lowercase());
        let header = HeaderName::try_from(header).map_err(|_| ClaimHeaderError)?;
        Ok(Self { claim: claim.to_owned(), header })
    }
}

impl fmt::Display for ClaimHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.claim)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may end by a panic")]

    use kliento_tower::testing::IdentityBuilder;
    use percent_encoding::percent_decode_str;

    use super::*;

    fn headers(names: &[&str]) -> IdentityHeaders {
        IdentityHeaders::new(names.iter().map(|name| name.parse().unwrap()).collect()).unwrap()
    }

    fn insert(builder: IdentityBuilder, names: &[&str]) -> Result<HeaderMap, IdentityHeadersError> {
        let mut map = HeaderMap::new();
        headers(names).insert(&builder.build(), &mut map).map(|()| map)
    }

    fn alice() -> IdentityBuilder {
        IdentityBuilder::new("alice@example.com", "https://api.example.com").unwrap()
    }

    #[test]
    fn writes_the_identity() {
        let identity = alice().with_claim("user_id", "7").with_claim("other", "é");
        let map = insert(identity, &["user_id", "role"]).unwrap();
        for (name, value) in [
            ("kliento-subject", "alice@example.com"),
            ("kliento-organisation", "example.com"),
            ("kliento-user", "alice"),
            ("kliento-signer", "member"),
            ("kliento-audience", "https://api.example.com"),
            ("kliento-valid-until", "2100-01-01T00:00:00Z"),
            ("kliento-claim-user-id", "7"),
            ("kliento-claim-role", ""),
        ] {
            assert_eq!(map[name], value, "{name}");
        }
        let claims = URL_SAFE_NO_PAD.decode(&map["kliento-claims"]).unwrap();
        assert_eq!(claims, r#"{"other":"é","user_id":"7"}"#.as_bytes());
        assert_eq!(map.len(), headers(&["user_id", "role"]).names().count());
        let bot = IdentityBuilder::new("example.com", "a").unwrap();
        assert_eq!(insert(bot, &[]).unwrap()["kliento-user"], "");
    }

    #[test]
    fn writes_no_value_as_another() {
        let texts =
            ["", " ", "%20", " a", "a", "a ", "a b", "a%20b", "a\nb", "a%0Ab", "é", "%C3%A9"];
        let mut seen = BTreeSet::new();
        for text in texts {
            let map = insert(alice().with_claim("x", text), &["x"]).unwrap();
            let value = map["kliento-claim-x"].to_str().unwrap();
            assert_eq!(value, value.trim());
            assert_eq!(percent_decode_str(value).decode_utf8().unwrap(), text);
            assert!(seen.insert(value.to_owned()), "{text:?}");
        }
        assert!(["a", "a b"].iter().all(|text| seen.contains(*text)));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let identity = |octets: usize| alice().with_claim("x", "x".repeat(octets));
        // As Base64 and as it is: 7 octets for 3.
        let result = insert(identity(11_000), &["x"]);
        assert!(matches!(result, Err(IdentityHeadersError::TooLarge)));
        assert!(insert(identity(10_000), &["x"]).is_ok());
        for octets in [0, 100, 600, 1_400, 1_600, 10_000, 10_500, 11_000, 16_000] {
            for (text, names) in [("x", &["x"][..]), ("\u{1}", &["x"]), ("é", &["x"]), ("x", &[])]
            {
                let claims = alice().with_claim("x", text.repeat(octets / text.len()));
                let fits = headers(names).fit(&claims.clone().build());
                assert_eq!(fits, insert(claims, names).is_ok(), "{octets} {text:?} {names:?}");
            }
        }
        // A token is smaller than its bundle.
        assert!(insert(identity(16_384), &[]).is_ok());
    }

    #[test]
    fn rejects_names_without_header_of_their_own() {
        for name in ["", "a b", "é", "a:b", "a.b"] {
            assert_eq!(name.parse::<ClaimHeader>(), Err(ClaimHeaderError), "{name}");
        }
        for names in [["a", "a"], ["a", "A"], ["a-b", "a_b"]] {
            let claims = names.iter().map(|name| name.parse().unwrap()).collect();
            assert!(IdentityHeaders::new(claims).is_err(), "{names:?}");
        }
    }
}
