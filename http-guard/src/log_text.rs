//! Untrusted text, made fit for a log.

use std::fmt::{self, Write};

/// The maximum length of text in a log, in characters.
const MAX_CHARACTERS: usize = 100;

/// Returns untrusted text, fit for a log: at most about 100 characters, none of them
/// hidden.
///
/// Control and formatting characters, combining marks, line separators and all spaces but U+0020
/// are escaped; the escapes count. Longer text is cut, and ends with `…`. Record the result as a
/// string, so that subscribers quote it: then it cannot look like another field.
///
/// ```
/// use http_guard::log_text;
///
/// assert_eq!(log_text("alice@example.com"), "alice@example.com");
/// assert_eq!(log_text("a\nb\u{202e}"), r"a\nb\u{202e}");
/// assert!(log_text("x".repeat(10_000)).chars().count() <= 101);
/// ```
#[must_use]
pub fn log_text(text: impl fmt::Display) -> String {
    log_text_up_to(MAX_CHARACTERS, text)
}

/// Returns text as [`log_text`] does, with at most about `max_characters` characters.
///
/// For text of which only a part is untrusted, such as the message of an error.
#[must_use]
pub fn log_text_up_to(max_characters: usize, text: impl fmt::Display) -> String {
    let mut excerpt = Excerpt { text: String::new(), left: max_characters };
    if write!(excerpt, "{text}").is_err() {
        excerpt.text.push('…');
    }
    excerpt.text
}

/// Collects the beginning of a text. It fails when it is full, so that the rest is not formatted.
struct Excerpt {
    text: String,
    /// How many characters are left.
    left: usize,
}

impl Write for Excerpt {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let escape = is_hidden(character).then(|| character.escape_default());
            let length = escape.as_ref().map_or(1, ExactSizeIterator::len);
            self.left = self.left.checked_sub(length).ok_or(fmt::Error)?;
            match escape {
                Some(escape) => self.text.extend(escape),
                None => self.text.push(character),
            }
        }
        Ok(())
    }
}

/// Returns whether [`log_text`] escapes a character, since it may have no form of its own.
///
/// These are control, formatting, combining, private-use and unassigned characters, line
/// separators, spaces other than U+0020, and the fillers of Hangul.
///
/// ```
/// assert!(['\n', '\u{202e}', '\u{a0}', '\u{3164}'].into_iter().all(http_guard::is_hidden));
/// assert!(!['a', 'é', '"', ' '].into_iter().any(http_guard::is_hidden));
/// ```
#[must_use]
pub fn is_hidden(character: char) -> bool {
    match character {
        ' '..='~' => false,
        // Letters without a form, which the standard library prints.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => true,
        _ => character.escape_debug().len() > 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_escaped_length() {
        for character in ['x', 'ü', '\u{1f600}', '\u{202e}', '\0', '\u{e0041}'] {
            let text = log_text(character.to_string().repeat(7_000));
            assert!((90..=101).contains(&text.chars().count()), "{text}");
            assert!(text.ends_with('…') && !text.chars().any(is_hidden), "{text}");
        }
        let exact = "x".repeat(100);
        assert_eq!(log_text(&exact), exact);
        assert_eq!(log_text_up_to(3, "abcd"), "abc…");
    }

    #[test]
    fn escapes_hidden_characters_only() {
        for hidden in
            ['\x1b', '\u{a0}', '\u{ad}', '\u{34f}', '\u{200d}', '\u{3164}', '\u{fe0f}', '\u{e000}']
        {
            assert_eq!(log_text(hidden), hidden.escape_default().to_string());
        }
        let visible = "Stra\u{df}e \u{1f512} \u{5e9}\u{5dc} \\ 'x' \"y\"";
        assert_eq!(log_text(visible), visible);
    }

    /// Formatting stops at the limit, so a long error costs no more than a short one.
    #[test]
    fn does_not_format_the_rest() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("endless ")?;
                }
            }
        }
        assert!(log_text(Endless).starts_with("endless endless "));
    }
}
