//! The rule for text of clients that is stored or logged: every character is visible.

use std::borrow::Cow;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Returns whether a character is visible, and changes neither the order nor the lines of the text
/// around it. The only visible space is U+0020.
///
/// Invisible are control, format (bidirectional, zero-width), default-ignorable, private-use and
/// unassigned characters, line and paragraph separators, and all other spaces.
pub(crate) fn is_visible(character: char) -> bool {
    // Most text is ASCII.
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    !is_ignorable
        && !matches!(
            category,
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::Unassigned
                | GeneralCategory::PrivateUse
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::SpaceSeparator
        )
}

/// Replaces invisible characters by `?`, and drops what exceeds a number of characters.
pub(crate) fn replace_invisible(text: &str, max_characters: usize) -> String {
    let visible = |character: char| if is_visible(character) { character } else { '?' };
    text.chars().take(max_characters).map(visible).collect()
}

/// Escapes invisible characters as `\u{202e}`. For names, which must stay distinct: a text with
/// such characters, or with such an escape, also has its backslashes escaped.
pub(crate) fn escape_invisible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_visible) && !text.contains(r"\u{") {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str(r"\\"),
            visible if is_visible(visible) => escaped.push(visible),
            invisible => escaped.extend(invisible.escape_unicode()),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that hide text, reorder it, or begin another line.
    const INVISIBLE: [char; 26] = [
        '\0',
        '\n',
        '\x1b',
        '\x7f',
        '\u{85}',
        '\u{9b}',
        '\u{a0}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2066}',
        '\u{3000}',
        '\u{3164}',
        '\u{e000}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{e0041}',
    ];

    #[test]
    fn replaces_and_escapes_each_invisible_character() {
        for character in INVISIBLE {
            assert!(!is_visible(character), "{character:?}");
            // The log has the same rule.
            assert_ne!(http_guard::log_text(character), character.to_string());
            let text = format!("a{character}b");
            assert_eq!(replace_invisible(&text, 10), "a?b");
            let escaped = format!("a{}b", character.escape_unicode());
            assert_eq!(escape_invisible(&text), escaped);
        }
    }

    #[test]
    fn keeps_visible_text() {
        let text = "Stra\u{df}e \u{1f512} \u{5e9}\u{5dc}\u{5d5}\u{5dd} e\u{301} \\ 'x'";
        assert_eq!(replace_invisible(text, 100), text);
        assert_eq!(escape_invisible(text), text);
        assert_eq!(replace_invisible("abc", 2), "ab");
    }

    #[test]
    fn escaped_names_stay_distinct() {
        assert_eq!(escape_invisible("a\\\u{200b}"), r"a\\\u{200b}");
        assert_ne!(escape_invisible("a\u{200b}"), escape_invisible(r"a\u{200b}"));
        assert_ne!(escape_invisible("a\u{200b}\\u{200b}"), escape_invisible("a\\u{200b}\u{200b}"));
    }
}
