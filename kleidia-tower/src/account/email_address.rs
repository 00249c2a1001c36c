//! Addresses of mail.

use std::fmt;
use std::str::FromStr;

/// The address of a mailbox: a dot-atom, `@`, and a domain of at least two labels (RFC 5321, 4.1.2),
/// in ASCII, with at most 254 octets.
///
/// Addresses are compared as they are given: only the server of the domain knows whether it
/// distinguishes cases. Quoted local parts, address literals and internationalised addresses
/// (RFC 6531) are invalid.
///
/// ```
/// use kleidia_tower::account::EmailAddress;
///
/// let address: EmailAddress = "alice@example.com".parse()?;
/// assert_eq!(address.as_str(), "alice@example.com");
/// # Ok::<(), kleidia_tower::account::EmailAddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

/// An error from parsing an [`EmailAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed mail address")]
pub struct EmailAddressError;

impl EmailAddress {
    /// The maximum length (RFC 5321, 4.5.3.1.3, without the angle brackets).
    pub const MAX_OCTETS: usize = 254;
    /// The maximum length before the `@` (RFC 5321, 4.5.3.1.1).
    const MAX_LOCAL_OCTETS: usize = 64;

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        let (local, domain) = text.split_once('@').ok_or(EmailAddressError)?;
        let is_valid = text.len() <= Self::MAX_OCTETS
            && local.len() <= Self::MAX_LOCAL_OCTETS
            && local.split('.').all(is_atom)
            && domain.contains('.')
            && domain.split('.').all(is_label);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(EmailAddressError) }
    }
}

/// RFC 5322, 3.2.3.
fn is_atom(text: &str) -> bool {
    let is_atext =
        |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
    !text.is_empty() && text.bytes().all(is_atext)
}

/// RFC 1034, 3.5, as amended by RFC 1123, 2.1.
fn is_label(text: &str) -> bool {
    let is_inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Personal data does not belong into logs.
        f.write_str("EmailAddress")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_addresses_of_mailboxes_only() {
        for text in ["a@b.c", "first.last+tag@mail.example.com", "o'neil@xn--bcher-kva.example"] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "alice@example",
            "a@b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a b@example.com",
            "\"a b\"@example.com",
            "a@[192.0.2.1]",
            "a@-b.example",
            "a@b..example",
            "a@example.com.",
            "a@b\u{fc}cher.example",
            "a@example.com\r\nBcc: b@example.com",
            "<a@example.com>",
            "a@example.com,b@example.com",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("a@{}.example", "b".repeat(64)),
            &format!("a@{}example.com", "b.".repeat(122)),
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(EmailAddressError), "{text}");
        }
    }
}
