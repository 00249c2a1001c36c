//! The members of an organisation: users with a name, and bots for the organisation itself.

use std::fmt;
use std::str::FromStr;

use crate::OrganisationName;

/// A member of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// A user, with a name in the organisation.
    User(UserName),
    /// A bot, which acts for the organisation itself and is written `@`.
    Bot,
}

impl Member {
    /// The name of a bot in certificates and attributions.
    pub(crate) const BOT: &'static str = "@";

    /// Returns the user's name, or `None` for a bot.
    #[must_use]
    pub const fn user(&self) -> Option<&UserName> {
        match self {
            Self::User(name) => Some(name),
            Self::Bot => None,
        }
    }

    /// Returns the subject id: `user@organisation`, or `organisation` for a bot.
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

/// Writes the user's name, or `@` for a bot.
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
/// Names are neither normalised nor case-folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// The error of an invalid [`UserName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserNameError {
    /// The name is empty.
    #[error("empty user name")]
    Empty,
    /// The name has a forbidden character.
    #[error("forbidden character {0:?} in the user name")]
    ForbiddenCharacter(char),
}

impl UserName {
    /// Returns the name.
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
    fn rejects_forbidden_characters() {
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
    fn keeps_other_names_unchanged() {
        for text in ["Alice Smith", "🦀crab", "e\u{301}", "a.b", " "] {
            assert_eq!(text.parse::<UserName>().unwrap().as_str(), text);
        }
    }
}
