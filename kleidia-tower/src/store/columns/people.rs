//! Accounts, profiles, one-time codes and factors, as rows of the database have them.

use std::sync::Arc;

use super::{Columns, SqlRow, Value, roles};
use crate::account::{
    Account, CodePurpose, Factor, FactorKind, OneTimeCode, PasswordHash, Profile, ProfileEmail,
    StoredPassword,
};
use crate::store::StoreError;
use crate::{FactorId, TokenDigest, UserId};

/// The columns of an account, in statements on its table or a join with it. The id and the time of
/// creation have aliases, since a join also has those of a session.
macro_rules! account_columns {
    () => {
        "accounts.id AS account, name, roles, is_disabled, must_change_password, is_erased, \
         accounts.created_at AS account_created_at, password_changed_at"
    };
}

impl<R: SqlRow> Columns<'_, R> {
    /// Reads an account from `account_columns`.
    pub(in crate::store) fn account(&self) -> Value<Account> {
        let name = self.text("name")?.parse();
        Ok(Account {
            id: UserId::new(self.integer("account")?),
            name: name.map_err(|_| StoreError::Corrupt("account name"))?,
            roles: roles(self.text("roles")?)?,
            is_disabled: self.boolean("is_disabled")?,
            must_change_password: self.boolean("must_change_password")?,
            is_erased: self.boolean("is_erased")?,
            created_at: self.time("account_created_at")?,
            password_changed_at: self.time("password_changed_at")?,
        })
    }

    pub(in crate::store) fn shared_account(&self) -> Value<Arc<Account>> {
        self.account().map(Arc::new)
    }

    pub(in crate::store) fn password(&self) -> Value<StoredPassword> {
        let hash = |text: &str| PasswordHash::new(text.to_owned());
        let previous = self.text("previous_passwords")?;
        Ok(StoredPassword {
            current: hash(self.text("password")?),
            previous: previous.lines().map(hash).collect(),
        })
    }

    /// Reads a profile and its user.
    pub(in crate::store) fn profile(&self) -> Value<(UserId, Profile)> {
        let corrupt = StoreError::Corrupt("profile");
        let (display_name, email) = (self.0.text("display_name")?, self.0.text("email")?);
        let display_name = display_name.map(str::parse).transpose();
        let address = email.map(str::parse).transpose().map_err(|_| corrupt.clone())?;
        let is_verified = self.boolean("is_email_verified")?;
        let profile = Profile {
            display_name: display_name.map_err(|_| corrupt.clone())?,
            email: address.map(|address| ProfileEmail { address, is_verified }),
            attributes: self.text("attributes")?.parse().map_err(|_| corrupt)?,
        };
        Ok((UserId::new(self.integer("user")?), profile))
    }

    pub(in crate::store) fn one_time_code(&self) -> Value<OneTimeCode> {
        let purpose = CodePurpose::from_name(self.text("purpose")?);
        Ok(OneTimeCode {
            digest: TokenDigest(self.digest("digest")?),
            user: self.optional_integer("user")?.map(UserId::new),
            purpose: purpose.ok_or(StoreError::Corrupt("purpose of a code"))?,
            data: self.text("data")?.to_owned(),
            created_at: self.time("created_at")?,
            expires_at: self.time("expires_at")?,
        })
    }

    pub(in crate::store) fn factor(&self) -> Value<Factor> {
        let kind = FactorKind::from_name(self.text("kind")?);
        let label = self.text("label")?.parse();
        Ok(Factor {
            id: FactorId::new(self.integer("id")?),
            user: UserId::new(self.integer("user")?),
            kind: kind.ok_or(StoreError::Corrupt("kind of a factor"))?,
            credential: self.0.octets("credential")?.map(<[u8]>::to_vec),
            label: label.map_err(|_| StoreError::Corrupt("label of a factor"))?,
            data: self.text("data")?.to_owned(),
            created_at: self.time("created_at")?,
            last_used_at: self.optional_time("last_used_at")?,
        })
    }
}

/// Returns the values of a profile: display name, address, whether that is verified, and attributes.
pub(in crate::store) fn profile_values(
    profile: &Profile,
) -> (Option<String>, Option<String>, bool, String) {
    let email = profile.email.as_ref();
    (
        profile.display_name.as_ref().map(ToString::to_string),
        email.map(|email| email.address.to_string()),
        email.is_some_and(|email| email.is_verified),
        profile.attributes.to_string(),
    )
}

pub(in crate::store) use account_columns;
