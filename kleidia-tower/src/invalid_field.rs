//! Invalid fields of a request, as responses report them.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Value, json};

use crate::password::PasswordViolation;
use crate::{UserName, UserNameError};

/// An invalid field of a request, with the reason. It never contains the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    field: Cow<'static, str>,
    code: &'static str,
    detail: Cow<'static, str>,
}

impl InvalidField {
    /// Creates an invalid field from its path, such as `roles[1]`, a stable code, and a sentence
    /// for people.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), code, detail: detail.into() }
    }

    pub(crate) fn user_name(error: UserNameError) -> Self {
        let (code, detail) = match error {
            UserNameError::Empty => ("empty", "The user name is empty".into()),
            UserNameError::TooLong => {
                let max = UserName::MAX_CHARACTERS;
                ("too_long", format!("The user name has more than {max} characters").into())
            }
            UserNameError::ForbiddenCharacter(_) => {
                let detail = "The user name has a character that is not allowed, or white space \
                              at its beginning or end, or twice in a row";
                ("forbidden_character", Cow::Borrowed(detail))
            }
        };
        Self { field: "username".into(), code, detail }
    }

    pub(crate) fn password(field: &'static str, violation: &PasswordViolation) -> Self {
        Self::new(field, violation.code(), violation.to_string())
    }

    /// Returns the path of the field: a member of the body or a query parameter.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns the code, a stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the reason, a sentence for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"field": self.field, "code": self.code, "detail": self.detail})
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.code)
    }
}
