//! Names of users, in one form for all that people take for the same name.

use std::fmt;
use std::str::FromStr;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The name of a user, in its canonical form: NFKC, without case.
///
/// Accounts are found and failures are counted by it, so that no variant of a name has a counter
/// of its own.
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

/// Why a text is no [`UserName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserNameError {
    /// It is empty.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name has more than {} characters", UserName::MAX_CHARACTERS)]
    TooLong,
    /// It has a character that can't be seen, or white space in a place where it can't be.
    #[error("the name has the character U+{:04X}", u32::from(*.0))]
    Character(char),
}

impl UserName {
    /// The most characters that a name may have, in its canonical form.
    pub const MAX_CHARACTERS: usize = 128;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        // No character becomes more than 18, so this is ample, and bounds the work.
        if text.chars().nth(Self::MAX_CHARACTERS).is_some() {
            return Err(UserNameError::TooLong);
        }
        if let Some(character) = text.chars().find(|character| !is_visible(*character)) {
            return Err(UserNameError::Character(character));
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

/// Folding can undo the composition, and the composition can yield what folds (Unicode, 3.13).
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

/// Spaces stand between words alone, one at a time.
fn check_spaces(name: String) -> Result<String, UserNameError> {
    let is_spaced = !name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  ");
    if is_spaced { Ok(name) } else { Err(UserNameError::Character(' ')) }
}

fn is_visible(character: char) -> bool {
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
        )
        && (character == ' ' || category != GeneralCategory::SpaceSeparator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, UserNameError> {
        text.parse().map(|name: UserName| name.to_string())
    }

    #[test]
    fn variants_are_one_name() {
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
    fn a_canonical_name_is_its_own_form() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            if let Ok(form) = name(&format!("a{character}b")) {
                assert_eq!(name(&form), Ok(form.clone()), "U+{:04X}", u32::from(character));
            }
        }
    }

    #[test]
    fn what_can_not_be_seen_is_refused() {
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
            assert!(matches!(name(text), Err(UserNameError::Character(_))), "{text:?}");
        }
        assert_eq!(name(""), Err(UserNameError::Empty));
        assert_eq!(name(&"a".repeat(129)), Err(UserNameError::TooLong));
        assert_eq!(name(&"\u{fdfa}".repeat(128)), Err(UserNameError::TooLong));
    }
}
