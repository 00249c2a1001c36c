//! The domain name that an organisation is.

use std::fmt;
use std::str::FromStr;

/// An organisation's domain name: lower-case letters, digits and hyphens, without the final dot.
///
/// Internationalised names are in A-labels (`xn--…`, RFC 5890); others are refused, since no
/// DNS name can match them.
///
/// ```
/// use veraid::OrganisationName;
///
/// let name: OrganisationName = "Example.com.".parse()?;
/// assert_eq!(name.as_str(), "example.com");
/// # Ok::<(), veraid::OrganisationNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganisationName(String);

/// The text is no domain name of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a domain name in letters, digits and hyphens: {0:?}")]
pub struct OrganisationNameError(pub String);

impl OrganisationName {
    /// `_veraid.` and the name must fit the 253 characters of a domain name (RFC 1035, 2.3.4).
    const MAX_LENGTH: usize = 253 - "_veraid.".len();

    /// The name in lower case, without the final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the organisation's TXT records are: `_veraid.<name>`.
    #[must_use]
    pub fn txt_owner(&self) -> String {
        format!("_veraid.{}", self.0)
    }
}

/// Takes one final dot and any case.
impl FromStr for OrganisationName {
    type Err = OrganisationNameError;

    fn from_str(text: &str) -> Result<Self, OrganisationNameError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() <= Self::MAX_LENGTH && name.split('.').all(is_ldh_label) {
            Ok(Self(name.to_ascii_lowercase()))
        } else {
            Err(OrganisationNameError(text.to_owned()))
        }
    }
}

/// RFC 5890, 2.3.1.
fn is_ldh_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for OrganisationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for OrganisationName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_dns_name_matches() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = vec!["a".repeat(61); 4].join(".");
        for text in [
            "",
            ".",
            "a..b",
            "a.com..",
            "-a.com",
            "a-.com",
            "a_b.com",
            "é.com",
            "a b.com",
            &long_label,
            &long_name,
        ] {
            assert!(text.parse::<OrganisationName>().is_err(), "{text}");
        }
    }

    #[test]
    fn takes_any_case_and_one_dot() {
        let name: OrganisationName = "XN--Caf-dma.Example.".parse().unwrap();
        assert_eq!(name.to_string(), "xn--caf-dma.example");
        assert_eq!(name.txt_owner(), "_veraid.xn--caf-dma.example");
    }
}
