//! Identifiers of users, sessions, factors and refresh token families.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! identifier {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number that a store has assigned.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    };
}

identifier! {
    /// Identifies an account. A store never assigns it again.
    ///
    /// ```
    /// use kleidia_tower::UserId;
    ///
    /// let id: UserId = "7".parse()?;
    /// assert_eq!(id, UserId::new(7));
    /// assert_eq!(id.to_string(), "7");
    /// # Ok::<(), std::num::ParseIntError>(())
    /// ```
    UserId
}

identifier! {
    /// Identifies a session. It is not a secret, and a store never assigns it again.
    SessionId
}

identifier! {
    /// Identifies a factor of an account. A store never assigns it again.
    FactorId
}

identifier! {
    /// Identifies a family: the refresh tokens that descend from one login.
    FamilyId
}
