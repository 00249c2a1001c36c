//! User names in canonical form.

use std::fmt;
use std::str::FromStr;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

use crate::visible_text::is_visible;

/// The name of a user in canonical form: NFKC and case-folded, with 1 to 128 characters.
///
/// Accounts are looked up and failures are counted by the canonical form, so variants of a name
/// share one account and one counter. Control characters, invisible characters and unassigned code
/// points are invalid; a space is valid between words only.
///
/// ```
/// use kleidia_tower::UserName;
///
/// let name: UserName = "\u{ff21}lice".parse()?;
/// assert_eq!(name.as_str(), "alice");
/// assert_eq!(name, "ALICE".parse()?);
/// # Ok::<(), kleidia_tower::UserNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// An error from parsing a [`UserName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserNameError {
    /// The name is empty.
    #[error("the name is empty")]
    Empty,
    /// The canonical form is too long.
    #[error("the name has more than {} characters", UserName::MAX_CHARACTERS)]
    TooLong,
    /// The name has an invisible character, or white space other than single spaces between words.
    #[error("the name has the forbidden character U+{:04X}", u32::from(*.0))]
    ForbiddenCharacter(char),
}

impl UserName {
    /// The maximum number of characters, before and after conversion to the canonical form.
    pub const MAX_CHARACTERS: usize = 128;

    /// Returns the canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        // Bounds the work: NFKC expands a character to at most 18.
        if text.chars().nth(Self::MAX_CHARACTERS).is_some() {
            return Err(UserNameError::TooLong);
        }
        if let Some(character) = text.chars().find(|character| !is_visible(*character)) {
            return Err(UserNameError::ForbiddenCharacter(character));
        }
        let name = canonicalise(text);
        match name.chars().count() {
            0 => Err(UserNameError::Empty),
            1..=Self::MAX_CHARACTERS => Ok(Self(check_spaces(name)?)),
            _ => Err(UserNameError::TooLong),
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Repeats normalisation and case folding until the form is stable: each can undo the other
/// (Unicode, 3.13).
fn canonicalise(text: &str) -> String {
    let (normalizer, mapper) = (ComposingNormalizerBorrowed::new_nfkc(), CaseMapper::new());
    let mut form = normalizer.normalize(text).into_owned();
    loop {
        let folded = mapper.fold_string(&form).into_owned();
        let next = normalizer.normalize(&folded).into_owned();
        if next == form {
            return form;
        }
        form = next;
    }
}

/// Allows single spaces between words only.
fn check_spaces(name: String) -> Result<String, UserNameError> {
    let is_valid = !name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  ");
    if is_valid { Ok(name) } else { Err(UserNameError::ForbiddenCharacter(' ')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, UserNameError> {
        text.parse().map(|name: UserName| name.to_string())
    }

    #[test]
    fn canonicalises_variants_to_one_name() {
        for (variant, canonical) in [
            ("ALICE", "alice"),
            ("\u{212b}ngstrom", "\u{e5}ngstrom"),
            ("A\u{30a}ngstrom", "\u{e5}ngstrom"),
            ("Stra\u{df}e", "strasse"),
            ("\u{1d400}lice", "alice"),
            ("\u{fb01}ona", "fiona"),
            ("\u{130}stanbul", "i\u{307}stanbul"),
            ("Mary Ann", "mary ann"),
        ] {
            assert_eq!(name(variant), Ok(canonical.to_owned()), "{variant}");
        }
    }

    #[test]
    fn canonicalisation_is_idempotent() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            if let Ok(form) = name(&format!("a{character}b")) {
                assert_eq!(name(&form), Ok(form.clone()), "U+{:04X}", u32::from(character));
            }
        }
    }

    #[test]
    fn rejects_invisible_characters_and_invalid_lengths() {
        for text in [
            "al\u{200b}ice",
            "al\u{ad}ice",
            "\u{202e}alice",
            "alice\0",
            "alice\n",
            "a\u{a0}b",
            "\u{fe0f}alice",
            "a\u{2028}b",
            "\u{e000}",
            " alice",
            "alice ",
            "mary  ann",
            "a\u{3000}b",
        ] {
            assert!(matches!(name(text), Err(UserNameError::ForbiddenCharacter(_))), "{text:?}");
        }
        assert_eq!(name(""), Err(UserNameError::Empty));
        assert_eq!(name(&"a".repeat(129)), Err(UserNameError::TooLong));
        assert_eq!(name(&"\u{fdfa}".repeat(128)), Err(UserNameError::TooLong));
    }
}
