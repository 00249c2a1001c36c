//! Which passwords are taken, and why others are not.

use std::time::Duration;

use secrecy::SecretString;

use super::normalisation::normalised;

/// Which passwords are taken.
///
/// The defaults are those of NIST SP 800-63B: at least 8 characters, any Unicode, no character
/// classes, no maximum age. Lengths are in characters of the normalised (NFKC) password.
///
/// ```
/// use kleidia_tower::password::{CharacterClass, PasswordFault, PasswordPolicy};
///
/// let policy = PasswordPolicy::default()
///     .with_min_characters(12)
///     .with_required_classes([CharacterClass::Digit]);
/// assert_eq!(
///     policy.faults("alice", &"correct horse".into()),
///     [PasswordFault::Missing(CharacterClass::Digit)],
/// );
/// assert!(policy.faults("alice", &"correct horse 4".into()).is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_characters: usize,
    required_classes: Vec<CharacterClass>,
    max_age: Option<Duration>,
    history: usize,
}

/// A kind of character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CharacterClass {
    /// A lower-case letter.
    Lowercase,
    /// An upper-case letter.
    Uppercase,
    /// A digit of any script.
    Digit,
    /// Anything but letters, digits and white space.
    Symbol,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFault {
    /// It is too short.
    #[error("fewer than {least} characters")]
    TooShort {
        /// The least that is taken.
        least: usize,
    },
    /// It is too long to be hashed without harm.
    #[error("more than {most} characters")]
    TooLong {
        /// The most that is taken.
        most: usize,
    },
    /// A class of characters is missing.
    #[error("no {0:?} character")]
    Missing(CharacterClass),
    /// It is, or contains, the user's name.
    #[error("the user's name is in it")]
    UserName,
    /// It was used before.
    #[error("used before")]
    UsedBefore,
    /// It is among those that others have lost.
    #[error("known from a breach")]
    Breached,
}

impl PasswordFault {
    /// A stable name for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Missing(CharacterClass::Lowercase) => "no_lowercase",
            Self::Missing(CharacterClass::Uppercase) => "no_uppercase",
            Self::Missing(CharacterClass::Digit) => "no_digit",
            Self::Missing(CharacterClass::Symbol) => "no_symbol",
            Self::UserName => "user_name",
            Self::UsedBefore => "used_before",
            Self::Breached => "breached",
        }
    }
}

impl PasswordPolicy {
    /// The most characters that are taken.
    pub const MAX_CHARACTERS: usize = 1024;

    /// Sets the least number of characters; 8 by default, and never less.
    #[must_use]
    pub fn with_min_characters(mut self, characters: usize) -> Self {
        self.min_characters = characters.max(8);
        self
    }

    /// Sets the classes of which a password must have a character each; none by default.
    #[must_use]
    pub fn with_required_classes(
        mut self,
        classes: impl IntoIterator<Item = CharacterClass>,
    ) -> Self {
        self.required_classes = classes.into_iter().collect();
        self
    }

    /// Sets how old a password may grow before it has to be changed; any age by default.
    #[must_use]
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets how many earlier passwords must not be used again; 0 by default.
    #[must_use]
    pub const fn with_history(mut self, passwords: usize) -> Self {
        self.history = passwords;
        self
    }

    /// How old a password may grow.
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// How many earlier passwords must not be used again.
    #[must_use]
    pub const fn history(&self) -> usize {
        self.history
    }

    /// All that speaks against a password but its past: history and breaches are asked elsewhere.
    #[must_use]
    pub fn faults(&self, user_name: &str, password: &SecretString) -> Vec<PasswordFault> {
        let password = normalised(password);
        let (length, mut faults) = (password.chars().count(), Vec::new());
        if length < self.min_characters {
            faults.push(PasswordFault::TooShort { least: self.min_characters });
        }
        if length > Self::MAX_CHARACTERS {
            faults.push(PasswordFault::TooLong { most: Self::MAX_CHARACTERS });
        }
        let missing = self.required_classes.iter().copied();
        let missing = missing.filter(|class| !password.chars().any(|c| class.contains(c)));
        faults.extend(missing.map(PasswordFault::Missing));
        // Shorter names are in too many words.
        if user_name.chars().count() > 3 && contains_without_case(&password, user_name) {
            faults.push(PasswordFault::UserName);
        }
        faults
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_characters: 8, required_classes: Vec::new(), max_age: None, history: 0 }
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

    fn faults(policy: &PasswordPolicy, password: &str) -> Vec<PasswordFault> {
        policy.faults("alice", &password.into())
    }

    #[test]
    fn lengths_are_in_characters() {
        let policy = PasswordPolicy::default();
        assert_eq!(faults(&policy, "pässwör"), [PasswordFault::TooShort { least: 8 }]);
        assert!(faults(&policy, "pässwörd").is_empty());
        assert!(faults(&policy, &"\u{1f511}".repeat(1024)).is_empty());
        assert_eq!(faults(&policy, &"x".repeat(1025)), [PasswordFault::TooLong { most: 1024 }]);
    }

    #[test]
    fn each_fault_is_told() {
        let classes = [CharacterClass::Uppercase, CharacterClass::Symbol];
        let policy = PasswordPolicy::default().with_required_classes(classes);
        let found = faults(&policy, "Alice1");
        let missing = PasswordFault::Missing(CharacterClass::Symbol);
        assert_eq!(found, [PasswordFault::TooShort { least: 8 }, missing, PasswordFault::UserName]);
    }
}
