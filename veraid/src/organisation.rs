//! The domain name of an organisation.

use std::fmt;
use std::str::FromStr;

use crate::Excerpt;

/// An organisation's domain name: lower-case letters, digits and hyphens, without the final dot.
///
/// Internationalised names are in A-labels (`xn--…`, RFC 5890). Other names are rejected, because
/// no DNS name can match them.
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

/// The error of an invalid organisation name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid domain name {:?}: expected letters, digits and hyphens", Excerpt(.0))]
pub struct OrganisationNameError(pub String);

impl OrganisationName {
    /// `_veraid.` and the name must fit the 253 characters of a domain name (RFC 1035, 2.3.4).
    const MAX_LENGTH: usize = 253 - "_veraid.".len();

    /// Returns the name in lower case, without the final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the owner of the organisation's TXT records: `_veraid.<name>`.
    #[must_use]
    pub fn txt_owner(&self) -> String {
        format!("_veraid.{}", self.0)
    }
}

/// Accepts any case, and one final dot.
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
    fn rejects_invalid_domain_names() {
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
    fn accepts_any_case_and_final_dot() {
        let name: OrganisationName = "XN--Caf-dma.Example.".parse().unwrap();
        assert_eq!(name.to_string(), "xn--caf-dma.example");
        assert_eq!(name.txt_owner(), "_veraid.xn--caf-dma.example");
    }
}
