//! The line of an import: a JSON object with an account.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::error::Category;

use super::{AccountImport, ImportError, ImportedAccount};
use crate::account::{Attributes, NewAccount, Profile, ProfileEmail};
use crate::password::ImportedHash;
use crate::rbac::RoleName;

/// The members of the object. serde rejects those that are repeated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
    password_hash: String,
    roles: Option<Vec<String>>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    must_change_password: bool,
    display_name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    attributes: Attributes,
}

impl ImportedAccount {
    /// Parses the line of an import: a JSON object with the members of this table, each at most
    /// once, and no others.
    ///
    /// | member | value | by default |
    /// |---|---|---|
    /// | `username` | a [`UserName`](crate::UserName) | required |
    /// | `password_hash` | an [`ImportedHash`] | required |
    /// | `roles` | names of roles | `["user"]` |
    /// | `disabled` | whether the account is disabled | `false` |
    /// | `must_change_password` | whether the user has to change the password first | `false` |
    /// | `display_name` | a [`DisplayName`](crate::account::DisplayName) | none |
    /// | `email` | an [`EmailAddress`](crate::account::EmailAddress) | none |
    /// | `email_verified` | whether the other system has verified the address | `false` |
    /// | `attributes` | [`Attributes`], an object | `{}` |
    ///
    /// ```
    /// use kleidia_tower::account::ImportedAccount;
    ///
    /// let hash = "$2b$12$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
    /// let line = format!(r#"{{"username": "Alice", "password_hash": "{hash}"}}"#);
    /// let imported = ImportedAccount::from_json(line.as_bytes())?;
    /// assert_eq!(imported.new.name.as_str(), "alice");
    /// # Ok::<(), kleidia_tower::account::ImportError>(())
    /// ```
    ///
    /// # Errors
    /// [`ImportError`], which has no value of the line.
    pub fn from_json(line: &[u8]) -> Result<Self, ImportError> {
        if line.len() > AccountImport::MAX_LINE_OCTETS {
            return Err(ImportError::LineTooLong);
        }
        let text = std::str::from_utf8(line).map_err(|_| ImportError::InvalidUtf8)?;
        let line: Line = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        let profile = line.profile()?;
        let roles = match &line.roles {
            Some(names) => parse_roles(names)?,
            None => [RoleName::user()].into(),
        };
        let hash: ImportedHash = line.password_hash.parse()?;
        let new = NewAccount {
            must_change_password: line.must_change_password,
            profile,
            ..NewAccount::new(line.username.parse()?, roles, hash.into())
        };
        Ok(Self { new, is_disabled: line.disabled })
    }
}

impl Line {
    fn profile(&self) -> Result<Profile, ImportError> {
        let address = self.email.as_deref().map(str::parse).transpose()?;
        if address.is_none() && self.email_verified {
            return Err(ImportError::NoEmail);
        }
        Ok(Profile {
            display_name: self.display_name.as_deref().map(str::parse).transpose()?,
            email: address
                .map(|address| ProfileEmail { address, is_verified: self.email_verified }),
            attributes: self.attributes.clone(),
        })
    }
}

fn parse_roles(names: &[String]) -> Result<BTreeSet<RoleName>, ImportError> {
    let roles = names.iter().map(|name| name.parse());
    roles.collect::<Result<_, _>>().map_err(|_| ImportError::RoleName)
}

/// serde's texts have values of the line, which may be hashes.
fn invalid(error: &serde_json::Error) -> ImportError {
    let column = error.column();
    match error.classify() {
        Category::Data => ImportError::InvalidMember { column },
        Category::Io | Category::Syntax | Category::Eof => ImportError::InvalidJson { column },
    }
}
