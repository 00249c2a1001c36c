//! How the user of a session was authenticated (RFC 8176).

use std::fmt;
use std::str::FromStr;

/// An authentication method, named as in RFC 8176 where it has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AuthMethod {
    /// The password (`pwd`).
    Password,
    /// A one-time password of an authenticator app (`otp`).
    OneTimePassword,
    /// A signature by a key in hardware (`hwk`).
    HardwareKey,
    /// A signature by a key in software, such as a passkey that is synchronised (`swk`).
    SoftwareKey,
    /// The authenticator verified that the user is present (`user`).
    UserPresence,
    /// A recovery code (`recovery`), for which RFC 8176 has no name.
    RecoveryCode,
    /// Several factors (`mfa`).
    MultipleFactors,
}

/// A set of authentication methods: what the user of a session has presented.
///
/// The text form has the names in a fixed order, separated by spaces.
///
/// ```
/// use kleidia_tower::session::{AuthMethod, AuthMethods};
///
/// let methods = AuthMethods::password().with(AuthMethod::OneTimePassword);
/// assert_eq!(methods.to_string(), "pwd otp");
/// assert_eq!("otp pwd".parse(), Ok(methods));
/// assert!(methods.contains(AuthMethod::Password));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AuthMethods(u16);

/// An error from parsing [`AuthMethods`]: a method has no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown authentication method")]
pub struct UnknownAuthMethod;

impl AuthMethod {
    /// All methods, in the order of their sets.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::OneTimePassword,
        Self::HardwareKey,
        Self::SoftwareKey,
        Self::UserPresence,
        Self::RecoveryCode,
        Self::MultipleFactors,
    ];

    /// Returns the name, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::OneTimePassword => "otp",
            Self::HardwareKey => "hwk",
            Self::SoftwareKey => "swk",
            Self::UserPresence => "user",
            Self::RecoveryCode => "recovery",
            Self::MultipleFactors => "mfa",
        }
    }

    /// Returns the method with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl AuthMethods {
    /// Returns the empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Returns the set of the password alone.
    #[must_use]
    pub const fn password() -> Self {
        Self(AuthMethod::Password.bit())
    }

    /// Returns the set with another method.
    #[must_use]
    pub const fn with(self, method: AuthMethod) -> Self {
        Self(self.0 | method.bit())
    }

    /// Returns whether the set has this method.
    #[must_use]
    pub const fn contains(self, method: AuthMethod) -> bool {
        self.0 & method.bit() != 0
    }

    /// Returns the set of all methods of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether the user has presented a second factor: [`AuthMethod::MultipleFactors`].
    #[must_use]
    pub const fn has_second_factor(self) -> bool {
        self.contains(AuthMethod::MultipleFactors)
    }

    /// Returns the methods in the order of [`AuthMethod::ALL`].
    pub fn iter(self) -> impl Iterator<Item = AuthMethod> {
        AuthMethod::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

impl FromIterator<AuthMethod> for AuthMethods {
    fn from_iter<I: IntoIterator<Item = AuthMethod>>(methods: I) -> Self {
        methods.into_iter().fold(Self::default(), Self::with)
    }
}

impl FromStr for AuthMethods {
    type Err = UnknownAuthMethod;

    fn from_str(text: &str) -> Result<Self, UnknownAuthMethod> {
        let names = text.split(' ').filter(|name| !name.is_empty());
        names.map(|name| AuthMethod::from_name(name).ok_or(UnknownAuthMethod)).collect()
    }
}

impl fmt::Display for AuthMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for AuthMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_has_its_own_text() {
        let mut texts = std::collections::BTreeSet::new();
        for bits in 0..1_u16 << AuthMethod::ALL.len() {
            let methods = AuthMethods(bits);
            assert_eq!(methods.to_string().parse(), Ok(methods));
            assert!(texts.insert(methods.to_string()));
        }
        assert_eq!("pwd sms".parse::<AuthMethods>(), Err(UnknownAuthMethod));
    }
}
