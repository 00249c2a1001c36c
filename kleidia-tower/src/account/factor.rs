//! Second factors, and passkeys, as stores keep them.

use std::fmt;
use std::str::FromStr;

use crate::visible_text::is_visible;
use crate::{FactorId, Timestamp, UserId};

/// A factor that a user has enrolled: a second one, or a passkey.
#[derive(Clone, PartialEq, Eq)]
pub struct Factor {
    /// The id, never reused.
    pub id: FactorId,
    /// The user.
    pub user: UserId,
    /// What it is.
    pub kind: FactorKind,
    /// The id of the credential, by which a login without a user name finds it: at most 1,023 octets
    /// (WebAuthn, 5.8.3), unique in the store. Only passkeys have one.
    pub credential: Option<Vec<u8>>,
    /// The name that the user gave it.
    pub label: FactorLabel,
    /// What verifies it, opaque to the store: at most 16 KiB. It may contain secrets.
    pub data: String,
    /// The time of the enrolment.
    pub created_at: Timestamp,
    /// The time of the last use.
    pub last_used_at: Option<Timestamp>,
}

/// What a [`Factor`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FactorKind {
    /// One-time passwords of an authenticator app (RFC 6238).
    Totp,
    /// A set of recovery codes, each for a single use.
    RecoveryCodes,
    /// A passkey (WebAuthn).
    Passkey,
}

/// The name that a user gave a factor: at most 64 visible characters. It may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FactorLabel(String);

/// An error from parsing a [`FactorLabel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {} visible characters", FactorLabel::MAX_CHARACTERS)]
pub struct FactorLabelError;

impl Factor {
    /// The maximum length of [`data`](Self::data).
    pub const MAX_DATA_OCTETS: usize = 16 * 1024;
    /// The maximum length of [`credential`](Self::credential).
    pub const MAX_CREDENTIAL_OCTETS: usize = 1023;
}

impl FactorKind {
    const ALL: [Self; 3] = [Self::Totp, Self::RecoveryCodes, Self::Passkey];

    /// Returns the name, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCodes => "recovery-codes",
            Self::Passkey => "passkey",
        }
    }

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl FactorLabel {
    /// The maximum number of characters.
    pub const MAX_CHARACTERS: usize = 64;

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FactorLabel {
    type Err = FactorLabelError;

    fn from_str(text: &str) -> Result<Self, FactorLabelError> {
        let is_valid =
            text.chars().nth(Self::MAX_CHARACTERS).is_none() && text.chars().all(is_visible);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(FactorLabelError) }
    }
}

impl fmt::Display for FactorLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data may contain secrets.
        f.debug_struct("Factor")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("kind", &self.kind)
            .field("label", &self.label)
            .field("created_at", &self.created_at)
            .field("last_used_at", &self.last_used_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_visible_and_bounded() {
        for text in ["", "My phone", &"\u{e9}".repeat(64)] {
            assert_eq!(text.parse::<FactorLabel>().unwrap().as_str(), text);
        }
        for text in ["a\u{202e}b", "a\tb", &"a".repeat(65)] {
            assert_eq!(text.parse::<FactorLabel>(), Err(FactorLabelError), "{text:?}");
        }
    }
}
