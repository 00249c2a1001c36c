//! The syntax of bearer tokens (RFC 6750, 2.1).

/// The maximum length of a token, in octets; those of this crate have a few hundred.
const MAX_OCTETS: usize = 4096;

/// Returns a token if it is a `token68` (RFC 9110, 11.2) that is not too long.
pub(super) fn parse_token68(octets: &[u8]) -> Option<&str> {
    let token = str::from_utf8(octets).ok()?;
    let without_padding = token.trim_end_matches('=');
    let is_allowed = |octet: u8| {
        octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    };
    // Without an early return, several octets are compared at once.
    let are_allowed =
        |octets: &str| octets.bytes().fold(true, |valid, octet| valid & is_allowed(octet));
    let is_valid =
        !without_padding.is_empty() && token.len() <= MAX_OCTETS && are_allowed(without_padding);
    is_valid.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_token68() {
        for valid in ["abc.d-e_f", "abc==", "a/b+c~"] {
            assert_eq!(parse_token68(valid.as_bytes()), Some(valid));
        }
        for invalid in ["", "=", "a b", "a,b", "a=b", "\ta", "ä"] {
            assert_eq!(parse_token68(invalid.as_bytes()), None, "{invalid}");
        }
        assert!(parse_token68(&[b'a'; MAX_OCTETS]).is_some());
        assert!(parse_token68(&[b'a'; MAX_OCTETS + 1]).is_none());
        assert!(parse_token68(b"\xff").is_none());
    }
}
