//! Step-up: the user of a session presents a factor.

use std::fmt;
use std::sync::Arc;

use http_guard::telemetry::IsolatedSpan;
use secrecy::{ExposeSecret as _, SecretString};

use super::recovery_codes;
use crate::account::pending_attempt::PendingAttempt;
use crate::account::{AccountError, Accounts, Factor, FactorKind, FactorOutcome, FactorUse};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::lockout::{AttemptRecord, Evidence, LoginAttempt, LoginSource, Reservation};
use crate::session::{AuthMethod, AuthMethods, SessionView};
use crate::store::ChangeContext;
use crate::{ClientInfo, Timestamp};

/// How often a use is tried if the factor is used by others meanwhile.
const MAX_TRIES: usize = 3;

/// A factor that a user presents.
#[non_exhaustive]
pub enum PresentedFactor {
    /// A one-time password of an authenticator app.
    #[cfg(feature = "totp")]
    Totp(SecretString),
    /// A recovery code.
    RecoveryCode(SecretString),
    /// An assertion of a passkey.
    #[cfg(feature = "passkeys")]
    Passkey {
        /// The token of the [ceremony](Accounts::begin_passkey_step_up), which ends with this, also
        /// if it fails.
        ceremony: SecretString,
        /// The JSON form of the browser's `PublicKeyCredential` (WebAuthn, 5.1).
        credential: serde_json::Value,
    },
}

impl Accounts {
    /// Adds a factor to a session: from now on it has a
    /// [second factor](AuthMethods::has_second_factor), and its user was authenticated now. Returns
    /// the session as it is then. Recorded as `factor.used`.
    ///
    /// A one-time password is accepted once, and no earlier one after it; a recovery code is accepted
    /// once; so is the answer to the challenge of a passkey. A passkey whose signature counter has gone
    /// back may have been cloned: the use is rejected, and also recorded as `cloned-passkey`. The
    /// passkey stays enrolled, and the authenticator with the higher counter is accepted.
    ///
    /// Failures are recorded as `factor.failed`, and lock the second factors of the account in
    /// all its sessions, as failed logins lock a source. They stay counted when the password is
    /// presented again, so a client that knows the password guesses no more than others. The use runs
    /// to completion even if the caller drops the future.
    ///
    /// # Errors
    /// [`AccountError::FactorRejected`], also while the factors are locked;
    /// [`AccountError::CeremonyExpired`] for a challenge that is not one of the session, or was answered;
    /// [`AccountError::SessionNotFound`], [`AccountError::ClientAddressUnknown`],
    /// [`AccountError::Busy`], and server errors.
    pub async fn step_up(
        &self,
        view: &SessionView,
        presented: PresentedFactor,
        client: ClientInfo,
    ) -> Result<SessionView, AccountError> {
        self.require_address(&client)?;
        let (accounts, view) = (self.clone(), view.clone());
        let used = async move { accounts.try_step_up(&view, &presented, client).await };
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let done = tokio::spawn(IsolatedSpan::current().instrument(used)).await;
        done.unwrap_or(Err(AccountError::Aborted))
    }

    async fn try_step_up(
        &self,
        view: &SessionView,
        presented: &PresentedFactor,
        client: ClientInfo,
    ) -> Result<SessionView, AccountError> {
        let change = self.change(client, None)?;
        let source = LoginSource::new(change.client.address);
        let evidence = Evidence::SecondFactor(view.session.id);
        let attempt = LoginAttempt { name: view.account.name.clone(), source, evidence };
        let mut pending = self.reserve_factor_attempt(view, &attempt, &change).await?;
        // The challenge of a passkey is answered once.
        #[cfg(feature = "passkeys")]
        let is_single = matches!(presented, PresentedFactor::Passkey { .. });
        #[cfg(not(feature = "passkeys"))]
        let is_single = false;
        for _ in 0..if is_single { 1 } else { MAX_TRIES } {
            let Some(used) = self.evaluate_factor(view, presented, &attempt, &change).await? else {
                let (store, lockout) = (self.store(), &self.settings().lockout);
                pending.mark_failed(*lockout, &change);
                let record = AttemptRecord::Recorded;
                let counted = store.record_failure(&attempt, lockout, &change, record).await?;
                pending.mark_settled();
                self.publish(counted);
                return Err(AccountError::FactorRejected);
            };
            match self.publish(self.store().use_factor(&used, &change).await?) {
                FactorOutcome::Used(session) => {
                    pending.mark_settled();
                    return Ok(SessionView { session, account: Arc::clone(&view.account) });
                }
                FactorOutcome::SessionEnded => {
                    pending.release().await?;
                    return Err(AccountError::SessionNotFound);
                }
                // Used by a concurrent request, perhaps with the same code.
                FactorOutcome::Changed => {}
            }
        }
        pending.release().await?;
        Err(AccountError::Busy)
    }

    async fn reserve_factor_attempt(
        &self,
        view: &SessionView,
        attempt: &LoginAttempt,
        change: &ChangeContext,
    ) -> Result<PendingAttempt, AccountError> {
        let lockout = &self.settings().lockout;
        match self.store().reserve_attempt(attempt, lockout, change.at).await? {
            Reservation::Granted => Ok(PendingAttempt::granted(self.store(), attempt)),
            Reservation::Busy => Err(AccountError::Busy),
            // Second factors are never throttled by the failures of passwords.
            Reservation::Locked { .. } | Reservation::Throttled { .. } => {
                let reason = Some(Reason::Locked);
                let event = change.event(EventKind::FactorFailed, Outcome::Failure, reason);
                let account = &view.account;
                let user = Some(AuditIdentity::account(account.id, &account.name));
                let session = Some(view.session.id);
                self.record_rejection(AuditEvent { user, session, ..event }).await?;
                Err(AccountError::FactorRejected)
            }
        }
    }

    /// Returns the use of the factor that is presented; `None` if the user has none that matches.
    async fn evaluate_factor(
        &self,
        view: &SessionView,
        presented: &PresentedFactor,
        attempt: &LoginAttempt,
        change: &ChangeContext,
    ) -> Result<Option<FactorUse>, AccountError> {
        #[cfg(feature = "passkeys")]
        let evaluated = if let PresentedFactor::Passkey { ceremony, credential } = presented {
            self.evaluate_assertion(view, ceremony, credential, change).await?
        } else {
            self.evaluate_code(view, presented, change.at).await?
        };
        #[cfg(not(feature = "passkeys"))]
        let evaluated = self.evaluate_code(view, presented, change.at).await?;
        Ok(evaluated.map(|(factor, data, methods)| FactorUse {
            user: factor.user,
            session: view.session.id,
            factor: factor.id,
            expected_data: factor.data,
            data,
            methods,
            attempt: Some((attempt.clone(), self.settings().lockout)),
        }))
    }

    /// Returns the factor of the code, its data after the use, and what the user has presented.
    async fn evaluate_code(
        &self,
        view: &SessionView,
        presented: &PresentedFactor,
        now: Timestamp,
    ) -> Result<Option<(Factor, String, AuthMethods)>, AccountError> {
        for factor in self.store().factors(view.account.id).await? {
            if let Some((data, methods)) = self.evaluate(&factor, presented, now)? {
                return Ok(Some((factor, data, methods)));
            }
        }
        Ok(None)
    }

    /// Returns the data of the factor after the use, and what the user has presented.
    #[cfg_attr(
        not(feature = "totp"),
        expect(clippy::unused_self, unused_variables, reason = "used by TOTP")
    )]
    fn evaluate(
        &self,
        factor: &Factor,
        presented: &PresentedFactor,
        now: Timestamp,
    ) -> Result<Option<(String, AuthMethods)>, AccountError> {
        match (factor.kind, presented) {
            #[cfg(feature = "totp")]
            (FactorKind::Totp, PresentedFactor::Totp(code)) => {
                let data = self.use_totp(factor, code, now)?;
                Ok(data.map(|data| (data, super::totp::presented())))
            }
            (FactorKind::RecoveryCodes, PresentedFactor::RecoveryCode(code)) => {
                let data = recovery_codes::without(factor, code.expose_secret())?;
                let methods = AuthMethods::none()
                    .with(AuthMethod::RecoveryCode)
                    .with(AuthMethod::MultipleFactors);
                Ok(data.map(|data| (data, methods)))
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for PresentedFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedFactor")
    }
}
