//! The policy that new passwords must meet.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::normalisation::normalise;
use crate::SettingError;

/// The policy that new passwords must meet.
///
/// The defaults follow NIST SP 800-63B: at least 8 characters, any Unicode character, no required
/// character classes, no maximum age and no history. A password must not contain the user's name,
/// unless the name has fewer than 4 characters. Lengths count the characters of the normalised
/// (NFKC) password.
///
/// ```
/// use kleidia_tower::password::{CharacterClass, PasswordPolicy, PasswordViolation};
///
/// let policy = PasswordPolicy::default()
///     .with_min_characters(12)?
///     .with_required_classes([CharacterClass::Digit]);
/// assert_eq!(
///     policy.violations("alice", &"correct horse".into()),
///     [PasswordViolation::Missing(CharacterClass::Digit)],
/// );
/// assert!(policy.violations("alice", &"correct horse 4".into()).is_empty());
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_characters: usize,
    required_classes: Vec<CharacterClass>,
    max_age: Option<Duration>,
    history: usize,
}

/// A class of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CharacterClass {
    /// A lower-case letter.
    Lowercase,
    /// An upper-case letter.
    Uppercase,
    /// A digit of any script.
    Digit,
    /// A character that is neither a letter, a digit nor white space.
    Symbol,
}

impl fmt::Display for CharacterClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lowercase => "lower-case letter",
            Self::Uppercase => "upper-case letter",
            Self::Digit => "digit",
            Self::Symbol => "symbol",
        })
    }
}

/// A reason for which the policy rejects a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordViolation {
    /// The password is too short.
    #[error("fewer than {min} characters")]
    TooShort {
        /// The minimum number of characters.
        min: usize,
    },
    /// The password is too long.
    #[error("more than {max} characters")]
    TooLong {
        /// The maximum number of characters.
        max: usize,
    },
    /// The password has no character of a required class.
    #[error("no {0}")]
    Missing(CharacterClass),
    /// The password contains the user's name.
    #[error("contains the user name")]
    ContainsUserName,
    /// The password is the current one, or in the history.
    #[error("used before")]
    UsedBefore,
    /// The password is in the list of breached passwords.
    #[error("known from a data breach")]
    Breached,
}

impl PasswordViolation {
    /// Returns the stable code for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Missing(CharacterClass::Lowercase) => "no_lowercase",
            Self::Missing(CharacterClass::Uppercase) => "no_uppercase",
            Self::Missing(CharacterClass::Digit) => "no_digit",
            Self::Missing(CharacterClass::Symbol) => "no_symbol",
            Self::ContainsUserName => "user_name",
            Self::UsedBefore => "used_before",
            Self::Breached => "breached",
        }
    }
}

/// Formats violations as a list, for error messages.
pub(crate) fn join_violations(violations: &[PasswordViolation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl PasswordPolicy {
    /// The lowest number of characters that a policy can require (NIST SP 800-63B, 3.1.1.2).
    pub const MIN_CHARACTERS: usize = 8;
    /// The maximum number of characters of a password.
    pub const MAX_CHARACTERS: usize = 1024;
    /// The maximum number of previous passwords in the history.
    pub const MAX_HISTORY: usize = 24;

    /// Sets the minimum number of characters: 8 to 1,024; 8 by default.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_min_characters(self, characters: usize) -> Result<Self, SettingError> {
        let bounds = Self::MIN_CHARACTERS..=Self::MAX_CHARACTERS;
        SettingError::check("minimum characters", characters, bounds)?;
        Ok(Self { min_characters: characters, ..self })
    }

    /// Sets the classes of which a password needs a character each; none by default.
    #[must_use]
    pub fn with_required_classes(
        mut self,
        classes: impl IntoIterator<Item = CharacterClass>,
    ) -> Self {
        self.required_classes = classes.into_iter().collect();
        self
    }

    /// Sets the age in whole seconds at which a password must be changed: at least a minute; none
    /// by default.
    ///
    /// # Errors
    /// [`SettingError`] if the age is less than a minute.
    pub fn with_max_age(self, age: Duration) -> Result<Self, SettingError> {
        SettingError::check("maximum age in seconds", age.as_secs(), 60..=u64::MAX)?;
        Ok(Self { max_age: Some(age), ..self })
    }

    /// Sets how many previous passwords cannot be used again: 0 to 24; 0 by default.
    ///
    /// A change of password costs one evaluation for each.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_history(self, passwords: usize) -> Result<Self, SettingError> {
        SettingError::check("history", passwords, 0..=Self::MAX_HISTORY)?;
        Ok(Self { history: passwords, ..self })
    }

    /// Returns the minimum number of characters.
    #[must_use]
    pub const fn min_characters(&self) -> usize {
        self.min_characters
    }

    /// Returns the age at which a password must be changed.
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Returns how many previous passwords cannot be used again.
    #[must_use]
    pub const fn history(&self) -> usize {
        self.history
    }

    /// Returns how a password violates the policy, apart from its history and data breaches:
    /// [`Accounts`](crate::account::Accounts) checks these too.
    #[must_use]
    pub fn violations(&self, user_name: &str, password: &SecretString) -> Vec<PasswordViolation> {
        let password = normalise(password);
        let (length, mut violations) = (password.chars().count(), Vec::new());
        if length < self.min_characters {
            violations.push(PasswordViolation::TooShort { min: self.min_characters });
        }
        if length > Self::MAX_CHARACTERS {
            violations.push(PasswordViolation::TooLong { max: Self::MAX_CHARACTERS });
        }
        let missing = self.required_classes.iter().copied();
        let missing = missing.filter(|class| !password.chars().any(|c| class.contains(c)));
        violations.extend(missing.map(PasswordViolation::Missing));
        // Shorter names occur in many words.
        if user_name.chars().count() > 3 && contains_without_case(&password, user_name) {
            violations.push(PasswordViolation::ContainsUserName);
        }
        violations
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        let min_characters = Self::MIN_CHARACTERS;
        Self { min_characters, required_classes: Vec::new(), max_age: None, history: 0 }
    }
}

impl CharacterClass {
    fn contains(self, character: char) -> bool {
        match self {
            Self::Lowercase => character.is_lowercase(),
            Self::Uppercase => character.is_uppercase(),
            Self::Digit => character.is_numeric(),
            Self::Symbol => !character.is_alphanumeric() && !character.is_whitespace(),
        }
    }
}

fn contains_without_case(text: &str, part: &str) -> bool {
    let lower = |text: &str| zeroize::Zeroizing::new(text.to_lowercase());
    lower(text).contains(&**lower(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(policy: &PasswordPolicy, password: &str) -> Vec<PasswordViolation> {
        policy.violations("alice", &password.into())
    }

    #[test]
    fn counts_characters() {
        let policy = PasswordPolicy::default();
        assert_eq!(violations(&policy, "pässwör"), [PasswordViolation::TooShort { min: 8 }]);
        assert!(violations(&policy, "pässwörd").is_empty());
        assert!(violations(&policy, &"\u{1f511}".repeat(1024)).is_empty());
        assert_eq!(
            violations(&policy, &"x".repeat(1025)),
            [PasswordViolation::TooLong { max: 1024 }]
        );
    }

    #[test]
    fn reports_every_violation() {
        let classes = [CharacterClass::Uppercase, CharacterClass::Symbol];
        let policy = PasswordPolicy::default().with_required_classes(classes);
        let found = violations(&policy, "Alice1");
        let missing = PasswordViolation::Missing(CharacterClass::Symbol);
        assert_eq!(
            found,
            [PasswordViolation::TooShort { min: 8 }, missing, PasswordViolation::ContainsUserName]
        );
    }

    #[test]
    fn rejects_settings_out_of_range() {
        let policy = PasswordPolicy::default();
        for (characters, is_valid) in [(7, false), (8, true), (1024, true), (1025, false)] {
            assert_eq!(policy.clone().with_min_characters(characters).is_ok(), is_valid);
        }
        for (passwords, is_valid) in [(0, true), (24, true), (25, false)] {
            assert_eq!(policy.clone().with_history(passwords).is_ok(), is_valid);
        }
        for (seconds, is_valid) in [(0, false), (59, false), (60, true), (u64::MAX, true)] {
            let age = Duration::from_secs(seconds);
            assert_eq!(policy.clone().with_max_age(age).is_ok(), is_valid);
        }
    }
}
