//! Creates accounts: with a password, or with a one-time code for the first one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use super::accounts::random_token;
use super::administration::find_account;
use super::{
    Account, AccountError, AccountLookup, Accounts, CodePurpose, IssuedCode, NewAccount,
    NewAccountContext, Profile,
};
use crate::rbac::RoleName;
use crate::{Principal, RequestInfo, UserName};

/// An account to create.
///
/// ```
/// use kleidia_tower::account::NewUser;
/// use kleidia_tower::rbac::RoleName;
///
/// // The user sets the first password with a one-time code.
/// let invited = NewUser::new("alice").with_roles([RoleName::user()]);
/// let temporary = NewUser::new("bob").with_temporary_password("correct horse battery".into());
/// ```
pub struct NewUser {
    name: String,
    roles: BTreeSet<RoleName>,
    password: Option<SecretString>,
    must_change_password: bool,
    profile: Profile,
}

/// A created account.
#[derive(Debug)]
pub struct CreatedUser {
    /// The account.
    pub account: Arc<Account>,
    /// The code with which the owner sets the first password, if the account has none.
    pub code: Option<IssuedCode>,
}

impl NewUser {
    /// Creates an account with the role `user` and no password: its owner sets one with a one-time
    /// code.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            roles: [RoleName::user()].into(),
            password: None,
            must_change_password: false,
            profile: Profile::default(),
        }
    }

    /// Replaces the roles.
    #[must_use]
    pub fn with_roles(self, roles: impl IntoIterator<Item = RoleName>) -> Self {
        Self { roles: roles.into_iter().collect(), ..self }
    }

    /// Sets a password that the owner keeps.
    #[must_use]
    pub fn with_password(self, password: SecretString) -> Self {
        Self { password: Some(password), must_change_password: false, ..self }
    }

    /// Sets a password that the owner has to change before anything else.
    #[must_use]
    pub fn with_temporary_password(self, password: SecretString) -> Self {
        Self { password: Some(password), must_change_password: true, ..self }
    }

    /// Sets the personal data.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }
}

impl Accounts {
    /// Creates an account. Without a password, it issues a one-time code for the first one.
    ///
    /// `actor` and `request` are as for [`create_user`](Self::create_user).
    ///
    /// # Errors
    /// As [`create_user`](Self::create_user).
    pub async fn create(
        &self,
        actor: Option<&Principal>,
        new: NewUser,
        request: impl Into<RequestInfo>,
    ) -> Result<CreatedUser, AccountError> {
        let (name, request) = (new.name.parse::<UserName>()?, request.into());
        let role_rules = self.role_rules(actor).await?;
        // The store checks both again, but before them no password is hashed in vain.
        if let Err(error) = role_rules.check_roles(actor.and_then(find_account), None, &new.roles) {
            return Err(self.role_change_rejected(actor, request, error));
        }
        if let Some(password) = &new.password {
            let violations = self.violations(&name, password).await?;
            if !violations.is_empty() {
                return Err(AccountError::PasswordRejected(violations));
            }
        }
        if self.store().account_with_password(AccountLookup::Name(&name)).await?.is_some() {
            return Err(AccountError::UserNameTaken);
        }
        let context = NewAccountContext {
            name: name.clone(),
            roles: new.roles.clone(),
            profile: new.profile.clone(),
            password: new.password.clone(),
            actor: actor.cloned(),
            client: request.client.clone(),
        };
        self.check_creation_hook(context).await?;
        let change = self.change(request.client.clone(), actor)?;
        let code = match new.password {
            Some(_) => None,
            None => Some(self.new_code(CodePurpose::Recovery, None, &change)?),
        };
        // Without a password, that of a random one: a login costs the same.
        let password = match new.password {
            Some(password) => password,
            None => random_token()?.to_text(),
        };
        let account = NewAccount {
            must_change_password: new.must_change_password,
            profile: new.profile,
            code: code.as_ref().map(|(_, row)| row.clone()),
            ..NewAccount::new(name, new.roles, self.hash_password(&password).await?)
        };
        let created = self.store().create_account(account, &role_rules, &change).await?;
        let account = self.changed_account(actor, request, self.publish(created))?;
        let code = code.map(|(code, row)| IssuedCode { code, expires_at: row.expires_at });
        Ok(CreatedUser { account, code })
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("roles", &self.roles).finish_non_exhaustive()
    }
}
