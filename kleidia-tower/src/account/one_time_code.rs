//! One-time codes as stores keep them: by their digests.

use std::fmt;

use crate::{Timestamp, TokenDigest, UserId};

/// A one-time code. The store has its digest, not the code.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode {
    /// The digest of the code, which is unique.
    pub digest: TokenDigest,
    /// The account to which the code is bound.
    pub user: Option<UserId>,
    /// What the code is for.
    pub purpose: CodePurpose,
    /// What its use needs, opaque to the store: at most 16 KiB. It may contain secrets.
    pub data: String,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time at which the code expires (exclusive).
    pub expires_at: Timestamp,
}

/// What a [`OneTimeCode`] is for. A code is valid for its purpose only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CodePurpose {
    /// The owner of the account sets a password.
    Recovery,
    /// The owner of the account proves to receive mail at an address.
    EmailVerification,
    /// The owner of the account enrols a passkey: the challenge that the authenticator signs.
    PasskeyRegistration,
    /// A user logs in by a passkey: the challenge that the authenticator signs.
    PasskeyLogin,
    /// A user enrols an authenticator app: its secret until the first one-time password.
    TotpEnrolment,
    /// A user has presented the password, and a second factor is still missing.
    SecondFactor,
}

impl OneTimeCode {
    /// The maximum length of [`data`](Self::data).
    pub const MAX_DATA_OCTETS: usize = 16 * 1024;

    /// Returns whether the code has not expired.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

impl CodePurpose {
    const ALL: [Self; 6] = [
        Self::Recovery,
        Self::EmailVerification,
        Self::PasskeyRegistration,
        Self::PasskeyLogin,
        Self::TotpEnrolment,
        Self::SecondFactor,
    ];

    /// Returns the name, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::EmailVerification => "email-verification",
            Self::PasskeyRegistration => "passkey-registration",
            Self::PasskeyLogin => "passkey-login",
            Self::TotpEnrolment => "totp-enrolment",
            Self::SecondFactor => "second-factor",
        }
    }

    /// Returns the purpose with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data may contain secrets.
        f.debug_struct("OneTimeCode")
            .field("user", &self.user)
            .field("purpose", &self.purpose)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
