//! Text for terminals: escapes untrusted text, and rounds durations.

use std::borrow::Cow;
use std::fmt::Write as _;

use http_guard::is_hidden;
use kliento::Timestamp;
use unicode_width::UnicodeWidthStr as _;

/// Escapes the characters that move a terminal's cursor, or hide or reorder text.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Escapes such characters in JSON as JSON does. Line breaks between values are kept.
pub(crate) fn printable_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// A character-string of a TXT record as zone files have it: `\DDD` for what is not printable
/// ASCII (RFC 1035, 5.1).
pub(crate) fn presentation(string: &[u8]) -> String {
    string.iter().fold(String::with_capacity(string.len()), |mut text, octet| {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(*octet)]),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => {
                let _ = write!(text, "\\{octet:03}");
            }
        }
        text
    })
}

/// `1 record`, `2 records`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Breaks the text between words; a word that is too long has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Formats the time between two instants in one unit, such as `55 minutes`.
pub(crate) fn relative_duration(one: Timestamp, other: Timestamp) -> String {
    let seconds = one.as_second().abs_diff(other.as_second());
    let units = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    // At least two of a unit: `90 minutes` is more precise than `1 hour`.
    let unit = units.into_iter().find(|(length, _)| seconds >= 2 * length);
    let (length, name) = unit.unwrap_or((1, "second"));
    plural(usize::try_from(seconds / length).unwrap_or(usize::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_terminal_control_characters() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\r\\n");
        assert_eq!(printable("\u{9b}1m\u{202e}x\u{200b}"), "\\u{9b}1m\\u{202e}x\\u{200b}");
        assert_eq!(printable_json("\"\u{9b}\u{e0001}é\""), r#""\u009b\udb40\udc01é""#);
        assert_eq!(printable("ali\u{3164}ce\u{a0}\u{fe0f}"), "ali\\u{3164}ce\\u{a0}\\u{fe0f}");
        assert_eq!(printable("é 🦀 a\\b"), "é 🦀 a\\b");
    }

    #[test]
    fn escapes_as_zone_files_do() {
        assert_eq!(presentation(b"a \"b\" \\ \x1b \xc3\xa9"), r#"a \"b\" \\ \027 \195\169"#);
    }

    #[test]
    fn breaks_lines_between_words() {
        assert_eq!(wrap("a bb ccc dddddd e", 5), ["a bb", "ccc", "dddddd", "e"]);
        assert_eq!(wrap("🦀🦀 é", 6), ["🦀🦀 é"]);
    }

    #[test]
    fn rounds_durations_down() {
        let start: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        for (end, text) in [
            ("2026-11-22T18:00:00Z", "0 seconds"),
            ("2026-11-22T18:00:01Z", "1 second"),
            ("2026-11-22T18:01:59Z", "119 seconds"),
            ("2026-11-22T18:55:59Z", "55 minutes"),
            ("2026-11-22T19:59:59Z", "119 minutes"),
            ("2026-11-24T18:00:00Z", "2 days"),
            ("2030-11-22T18:00:00Z", "4 years"),
        ] {
            let end = end.parse().unwrap();
            assert_eq!(relative_duration(start, end), text);
            assert_eq!(relative_duration(end, start), text);
        }
    }
}
