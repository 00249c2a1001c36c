//! The actor of changes, and the operator, who is one without a session.

use super::Accounts;
use crate::account::AccountError;
use crate::audit::AuditIdentity;
use crate::store::ChangeContext;
use crate::{ClientInfo, Principal};

impl Accounts {
    /// Records an operator as the actor of each change that no principal makes, for a command on a
    /// machine of the service ([`AuditIdentity::operator`]).
    #[must_use]
    pub fn for_operator(self) -> Self {
        self.with(|inner| inner.operator = Some(AuditIdentity::operator()))
    }

    /// The context of a change; without an actor, the affected user is the actor, or the operator.
    pub(in crate::account) fn change(
        &self,
        client: ClientInfo,
        actor: Option<&Principal>,
    ) -> Result<ChangeContext, AccountError> {
        let actor = actor.map(Principal::audit_identity).or_else(|| self.0.operator.clone());
        Ok(ChangeContext { at: self.now()?, client, actor })
    }
}
