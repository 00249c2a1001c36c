//! Untrusted text in error messages and logs.

use std::fmt::{self, Write as _};

/// Untrusted text for an error message or a log: at most 100 characters, all of them visible.
///
/// Longer text ends in `…`. Characters that are invisible, that move the cursor or that reorder
/// text are escaped, and an escape counts as its characters. [`Debug`](fmt::Debug) adds quotation
/// marks. The errors of this crate and of `kliento` format everything that a bundle contains with
/// it.
///
/// ```
/// use veraid::Excerpt;
///
/// assert_eq!(Excerpt("example.com").to_string(), "example.com");
/// assert_eq!(format!("{:?}", Excerpt("a\"\u{202e}b\n")), r#""a\"\u{202e}b\n""#);
/// assert_eq!(Excerpt("a".repeat(101)).to_string(), format!("{}…", "a".repeat(100)));
/// ```
#[derive(Clone, Copy)]
pub struct Excerpt<T>(pub T);

impl<T> Excerpt<T> {
    /// The maximum number of characters, without `…` and quotation marks.
    pub const MAX_CHARACTERS: usize = 100;
}

impl<T: fmt::Display> fmt::Display for Excerpt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_excerpt(f, &self.0, "")
    }
}

impl<T: fmt::Display> fmt::Debug for Excerpt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_excerpt(f, &self.0, "\"")
    }
}

fn write_excerpt(
    f: &mut fmt::Formatter<'_>,
    text: &dyn fmt::Display,
    quotation_mark: &str,
) -> fmt::Result {
    f.write_str(quotation_mark)?;
    let mut writer =
        Writer { f: &mut *f, is_quoted: !quotation_mark.is_empty(), left: MAX, is_cut: false };
    let written = write!(writer, "{text}");
    let is_cut = writer.is_cut;
    // The writer fails on purpose, so that the rest of a long text is not formatted.
    if !is_cut {
        written?;
    }
    f.write_str(if is_cut { "…" } else { "" })?;
    f.write_str(quotation_mark)
}

const MAX: usize = Excerpt::<()>::MAX_CHARACTERS;

struct Writer<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    is_quoted: bool,
    left: usize,
    is_cut: bool,
}

impl fmt::Write for Writer<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let is_plain = match character {
                '\'' => true,
                '"' | '\\' => !self.is_quoted,
                _ => false,
            };
            let escape = escape(character);
            let length = if is_plain { 1 } else { escape.clone().count() };
            let left = self.left.checked_sub(length);
            self.is_cut = left.is_none();
            self.left = left.ok_or(fmt::Error)?;
            if is_plain {
                self.f.write_char(character)?;
            } else {
                for character in escape {
                    self.f.write_char(character)?;
                }
            }
        }
        Ok(())
    }
}

/// Returns a character, or its escape if it is not visible. The standard library prints the fillers
/// of Hangul, which are letters without a form.
fn escape(character: char) -> impl Iterator<Item = char> + Clone {
    let is_filler = matches!(character, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    let filler = is_filler.then(|| character.escape_unicode());
    let other = (!is_filler).then(|| character.escape_debug());
    filler.into_iter().flatten().chain(other.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_of_escapes() {
        let text = "\u{1}".repeat(7000);
        assert_eq!(Excerpt(&text).to_string(), format!("{}…", r"\u{1}".repeat(20)));
        let cut = format!("{:?}", Excerpt(&text));
        assert_eq!(cut, format!("\"{}…\"", r"\u{1}".repeat(20)));
    }

    #[test]
    fn escapes_invisible_characters() {
        for character in [
            '\x1b', '\u{a0}', '\u{ad}', '\u{34f}', '\u{200b}', '\u{202e}', '\u{e000}', '\u{115f}',
            '\u{1160}', '\u{3164}', '\u{ffa0}',
        ] {
            assert_eq!(Excerpt(character).to_string(), character.escape_default().to_string());
        }
    }

    #[test]
    fn keeps_visible_text() {
        let text = "Ünï 🦀 it's \"a\" \\027";
        assert_eq!(Excerpt(text).to_string(), text);
        assert_eq!(format!("{:?}", Excerpt(text)), format!("{text:?}"));
        let longest = "é".repeat(100);
        assert_eq!(Excerpt(&longest).to_string(), longest);
    }
}
