//! The value of an `Authorization` header.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde::Serialize;

/// The form of a bundle in a header.
#[derive(Clone, Serialize)]
pub(crate) struct Header {
    pub(crate) scheme: &'static str,
    pub(crate) separator: &'static str,
    pub(crate) alphabet: Alphabet,
    pub(crate) padding: Padding,
    /// Whether the bits after the last octet are set.
    pub(crate) trailing_bits: bool,
    /// Characters that are inserted after the first 64 of the Base64.
    pub(crate) inserted: &'static str,
    pub(crate) suffix: &'static str,
    /// The text that replaces the Base64.
    pub(crate) credentials: Option<&'static str>,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) enum Alphabet {
    Standard,
    Url,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) enum Padding {
    Full,
    None,
    /// One `=` too few.
    Short,
    /// One `=` too many.
    Long,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            scheme: "Kliento",
            separator: " ",
            alphabet: Alphabet::Standard,
            padding: Padding::Full,
            trailing_bits: false,
            inserted: "",
            suffix: "",
            credentials: None,
        }
    }
}

impl Header {
    pub(crate) fn value(&self, bundle: &[u8]) -> String {
        let mut text = self.base_64(bundle);
        text.insert_str(text.len().min(64), self.inserted);
        let credentials = self.credentials.unwrap_or(&text);
        format!("{}{}{credentials}{}", self.scheme, self.separator, self.suffix)
    }

    fn base_64(&self, bundle: &[u8]) -> String {
        let padded = match self.alphabet {
            Alphabet::Standard => STANDARD.encode(bundle),
            Alphabet::Url => URL_SAFE.encode(bundle),
        };
        let text = match self.padding {
            Padding::Full => padded,
            Padding::None => STANDARD_NO_PAD.encode(bundle),
            Padding::Short => padded.strip_suffix('=').expect("there is padding").to_owned(),
            Padding::Long => format!("{padded}="),
        };
        if self.trailing_bits { with_trailing_bit(&text) } else { text }
    }
}

/// Sets the lowest bit of the last character before the padding, which belongs to no octet.
fn with_trailing_bit(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert!(text.ends_with('='), "all bits of the last character are in use");
    let digits = text.trim_end_matches('=');
    let (head, last) = digits.split_at(digits.len() - 1);
    let value = ALPHABET.iter().position(|digit| *digit == last.as_bytes()[0]).expect("a digit");
    format!("{head}{}{}", char::from(ALPHABET[value | 1]), &text[digits.len()..])
}
