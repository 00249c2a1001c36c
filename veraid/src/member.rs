//! The members of an organisation: users with a name, and bots that speak for it as a whole.

use std::fmt;
use std::str::FromStr;

use crate::OrganisationName;

/// Who an organisation vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// A user, who has a name in the organisation.
    User(UserName),
    /// A bot: it speaks for the organisation as a whole, and is written `@`.
    Bot,
}

impl Member {
    /// How certificates and attributions write a bot.
    pub(crate) const BOT: &'static str = "@";

    /// The user's name, or `None` for a bot.
    #[must_use]
    pub const fn user(&self) -> Option<&UserName> {
        match self {
            Self::User(name) => Some(name),
            Self::Bot => None,
        }
    }

    /// The subject id: `user@organisation`, or `organisation` for a bot.
    ///
    /// ```
    /// use veraid::{Member, OrganisationName};
    ///
    /// let organisation: OrganisationName = "example.com".parse()?;
    /// let alice: Member = "alice".parse()?;
    /// assert_eq!(alice.subject_id(&organisation), "alice@example.com");
    /// assert_eq!(Member::Bot.subject_id(&organisation), "example.com");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn subject_id(&self, organisation: &OrganisationName) -> String {
        match self {
            Self::User(name) => format!("{name}@{organisation}"),
            Self::Bot => organisation.to_string(),
        }
    }
}

/// Reads `@` as the bot and anything else as a user's name.
impl FromStr for Member {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        if text == Self::BOT { Ok(Self::Bot) } else { text.parse().map(Self::User) }
    }
}

/// Writes what certificates hold: the user's name, or `@`.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::Bot => f.write_str(Self::BOT),
        }
    }
}

/// A user's name: not empty, without `@`, control characters, or white space other than U+0020.
///
/// It is kept as it was written: names are neither normalised nor case-folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// Why a text is no [`UserName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserNameError {
    /// There is no character at all.
    #[error("the user's name is empty")]
    Empty,
    /// A character that no name may have.
    #[error("the user's name has the character {0:?}")]
    ForbiddenCharacter(char),
}

impl UserName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        if text.is_empty() {
            return Err(UserNameError::Empty);
        }
        match text.chars().find(|character| is_forbidden(*character)) {
            Some(character) => Err(UserNameError::ForbiddenCharacter(character)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

fn is_forbidden(character: char) -> bool {
    character == '@' || character.is_control() || (character.is_whitespace() && character != ' ')
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for UserName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_forbidden_characters() {
        assert_eq!("".parse::<UserName>(), Err(UserNameError::Empty));
        for character in [
            '@', '\t', '\n', '\r', '\0', '\u{7f}', '\u{85}', '\u{a0}', '\u{2003}', '\u{2028}',
            '\u{3000}',
        ] {
            let text = format!("a{character}b");
            assert_eq!(text.parse::<UserName>(), Err(UserNameError::ForbiddenCharacter(character)));
        }
    }

    #[test]
    fn keeps_the_rest_as_it_is() {
        for text in ["Alice Smith", "🦀crab", "e\u{301}", "a.b", " "] {
            assert_eq!(text.parse::<UserName>().unwrap().as_str(), text);
        }
    }
}
