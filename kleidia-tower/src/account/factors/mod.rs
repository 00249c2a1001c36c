//! Factors of accounts: enrolment, use as step-up, and removal.

mod factor_key;
#[cfg(feature = "passkeys")]
mod passkeys;
mod recovery_codes;
mod settings;
mod step_up;
#[cfg(feature = "totp")]
mod totp;

use super::{
    AccountError, Accounts, Factor, FactorChangeError, FactorKind, FactorLabel, FactorRemoval,
};
use crate::rbac::{Denial, StepUp};
use crate::session::SessionView;
use crate::{FactorId, Principal, RequestInfo, Timestamp, UserId};

pub use factor_key::{FactorKey, FactorKeyError};
#[cfg(feature = "passkeys")]
pub use passkeys::{PasskeyCeremony, PasskeySettings, PasskeySettingsError};
pub use recovery_codes::RecoveryCodes;
pub use settings::FactorSettings;
pub use step_up::PresentedFactor;
#[cfg(feature = "totp")]
pub use totp::TotpEnrolment;

/// A factor of a user, without what verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactorSummary {
    /// The id, never reused.
    pub id: FactorId,
    /// What it is.
    pub kind: FactorKind,
    /// The name that the user gave it.
    pub label: FactorLabel,
    /// The time of the enrolment.
    pub created_at: Timestamp,
    /// The time of the last use.
    pub last_used_at: Option<Timestamp>,
    /// How many recovery codes are left; `None` for other kinds.
    pub codes_left: Option<usize>,
}

/// Operations on the factors of accounts.
///
/// A user enrols and removes factors in a session whose user was authenticated less than 5 minutes
/// ago ([`FactorSettings::with_max_age`]). If the user has a factor already, the session also needs
/// a second factor: see [`step_up`](Self::step_up).
impl Accounts {
    /// Returns the factors of a user, in the order of their enrolment.
    ///
    /// # Errors
    /// Server errors.
    pub async fn factors(&self, user: UserId) -> Result<Vec<FactorSummary>, AccountError> {
        let factors = self.store().factors(user).await?;
        factors.iter().map(FactorSummary::new).collect()
    }

    /// Removes a factor of the session's user. With the last other one, the recovery codes are
    /// removed too. Recorded as `factor.removed`.
    ///
    /// # Errors
    /// [`AccountError::StepUp`] unless the session is fresh and has a second factor,
    /// [`AccountError::FactorNotFound`], and server errors.
    pub async fn remove_factor(
        &self,
        view: &SessionView,
        factor: FactorId,
        request: impl Into<RequestInfo>,
    ) -> Result<(), AccountError> {
        let request = request.into();
        self.require_fresh(view, &request)?;
        let change = self.change(request.client.clone(), None)?;
        let (user, session) = (view.account.id, view.session.id);
        let removal = FactorRemoval::One { user, session, factor };
        let removed = self.publish(self.store().remove_factors(&removal, &change).await?);
        removed.map(drop).map_err(|error| self.factor_change_rejected(view, request, error))
    }

    /// Removes all factors of another user, who has lost them. Recorded as `factor.removed` for each.
    /// Returns how many there were.
    ///
    /// The sessions of the user stay as they are: [end](Self::end_user_sessions) them if the factors
    /// may be in other hands. The next session can enrol a factor with the password alone.
    ///
    /// # Errors
    /// [`AccountError::FactorsNotRemovable`] for the factors of the actor, and of a user with a role
    /// that grants more than the actor has: recorded as `permission.denied`.
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn remove_user_factors(
        &self,
        actor: &Principal,
        user: UserId,
        request: impl Into<RequestInfo>,
    ) -> Result<usize, AccountError> {
        let request = request.into();
        let account = self.require_account(user).await?;
        let denial = if actor.user_id() == Some(user) {
            Some(Denial::OwnFactors)
        } else {
            let policy = self.current_policy().await?;
            let held = actor.roles();
            let roles = account.roles.iter().filter(|role| policy.has_role(role));
            let mut excessive = roles.filter(|role| !policy.grant_all_of(held, role));
            excessive.next().map(|role| Denial::ExcessiveRole(role.clone()))
        };
        if let Some(denial) = denial {
            self.record_denial(actor, request, &denial);
            return Err(AccountError::FactorsNotRemovable(denial));
        }
        self.remove_all_factors(user, request, Some(actor)).await
    }

    /// Removes all factors of a user, for an operator who has no session. Returns how many there
    /// were.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNotFound`], and server errors.
    pub async fn remove_factors_by_name(&self, name: &str) -> Result<usize, AccountError> {
        let account = self.find_by_name(name).await?;
        self.remove_all_factors(account.id, crate::ClientInfo::default().into(), None).await
    }

    async fn remove_all_factors(
        &self,
        user: UserId,
        request: RequestInfo,
        actor: Option<&Principal>,
    ) -> Result<usize, AccountError> {
        let change = self.change(request.client, actor)?;
        let removal = FactorRemoval::All { user };
        let removed = self.publish(self.store().remove_factors(&removal, &change).await?);
        removed.map_err(|_| AccountError::UserNotFound)
    }

    /// Fails unless the user was authenticated a short time ago. A denial is recorded.
    fn require_fresh(&self, view: &SessionView, request: &RequestInfo) -> Result<(), AccountError> {
        let max_age = self.factor_settings().max_age();
        if view.session.is_fresh(max_age, Some(self.now()?)) {
            return Ok(());
        }
        Err(self.step_up_required(view, request.clone(), StepUp::Fresh { max_age }))
    }

    fn step_up_required(
        &self,
        view: &SessionView,
        request: RequestInfo,
        step_up: StepUp,
    ) -> AccountError {
        let principal = Principal::user(view.clone());
        self.record_denial(&principal, request, &step_up.into());
        AccountError::StepUp(step_up)
    }

    fn factor_change_rejected(
        &self,
        view: &SessionView,
        request: RequestInfo,
        error: FactorChangeError,
    ) -> AccountError {
        match error {
            FactorChangeError::SecondFactorRequired => {
                self.step_up_required(view, request, StepUp::SecondFactor)
            }
            FactorChangeError::SessionEnded => AccountError::SessionNotFound,
            FactorChangeError::CeremonyExpired => AccountError::CeremonyExpired,
            FactorChangeError::TooMany => AccountError::TooManyFactors,
            FactorChangeError::Exists => AccountError::FactorExists,
            FactorChangeError::NotFound => AccountError::FactorNotFound,
        }
    }
}

impl FactorSummary {
    pub(super) fn new(factor: &Factor) -> Result<Self, AccountError> {
        let codes_left = match factor.kind {
            FactorKind::RecoveryCodes => Some(recovery_codes::count(factor)?),
            _ => None,
        };
        Ok(Self {
            id: factor.id,
            kind: factor.kind,
            label: factor.label.clone(),
            created_at: factor.created_at,
            last_used_at: factor.last_used_at,
            codes_left,
        })
    }
}
