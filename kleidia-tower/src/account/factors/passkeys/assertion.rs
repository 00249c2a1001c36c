//! Step-up by a passkey (WebAuthn, 7.2).

use secrecy::SecretString;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PublicKeyCredential, WebauthnError,
};

use super::{PasskeyCeremony, descriptors, from_text, parse, presented, to_text, to_value};
use crate::account::{AccountError, Accounts, CodePurpose, Factor};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::session::{AuthMethod, AuthMethods, SessionView};
use crate::store::ChangeContext;

impl Accounts {
    /// Begins a step-up by a passkey of the session's user, in place of an earlier one of the user
    /// that was not finished. [`step_up`](Self::step_up) finishes it, in the same session.
    ///
    /// # Errors
    /// [`AccountError::PasskeysUnsupported`] without
    /// [`FactorSettings::with_passkeys`](crate::account::FactorSettings::with_passkeys),
    /// [`AccountError::FactorNotFound`] if the user has no passkey, and server errors.
    pub async fn begin_passkey_step_up(
        &self,
        view: &SessionView,
    ) -> Result<PasskeyCeremony, AccountError> {
        let webauthn = self.webauthn()?;
        let allowed = descriptors(&self.store().factors(view.account.id).await?);
        if allowed.is_empty() {
            return Err(AccountError::FactorNotFound);
        }
        // The state has no credentials: they are compared with the store at the end, also their
        // counters. So the options name them here.
        let (options, state) = webauthn
            .start_discoverable_authentication()
            .map_err(|_| AccountError::RandomUnavailable)?;
        let mut options = to_value(&options)?;
        if let Some(options) = options.as_object_mut() {
            options.remove("mediation");
        }
        if let Some(options) = options.pointer_mut("/publicKey").and_then(Value::as_object_mut) {
            options.insert("allowCredentials".to_owned(), json!(allowed));
        }
        self.begin_passkey_ceremony(view, CodePurpose::PasskeyLogin, state, options).await
    }

    /// Returns the passkey that an assertion proves, its data after the use, and what the user has
    /// presented; `None` for an invalid assertion.
    pub(in crate::account::factors) async fn evaluate_assertion(
        &self,
        view: &SessionView,
        ceremony: &SecretString,
        credential: &Value,
        change: &ChangeContext,
    ) -> Result<Option<(Factor, String, AuthMethods)>, AccountError> {
        let (webauthn, purpose) = (self.webauthn()?, CodePurpose::PasskeyLogin);
        let state: DiscoverableAuthentication =
            self.take_passkey_ceremony(view, ceremony, purpose).await?;
        let Ok(credential) = parse::<PublicKeyCredential>(credential) else { return Ok(None) };
        // Of the user alone (WebAuthn, 7.2, step 6).
        let handle = super::user_handle(view.account.id);
        let id = credential.get_credential_id();
        let factors = self.store().factors(view.account.id).await?;
        let factor = factors.into_iter().find(|factor| factor.credential.as_deref() == Some(id));
        let is_own = credential.get_user_unique_id().is_none_or(|user| user == handle.as_bytes());
        let Some(factor) = factor.filter(|_| is_own) else { return Ok(None) };
        let mut passkey: Passkey = from_text(&factor.data)?;
        match webauthn.finish_discoverable_authentication_v2(&credential, state, &passkey) {
            Ok(result) if result.user_verified() => {
                passkey.update_credential(&result);
                Ok(Some((factor, to_text(&passkey)?, presented(key_method(&result)))))
            }
            Err(WebauthnError::CredentialPossibleCompromise) => {
                self.record_clone(view, change).await?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Records that a passkey may have been cloned, besides the failure.
    async fn record_clone(
        &self,
        view: &SessionView,
        change: &ChangeContext,
    ) -> Result<(), AccountError> {
        let reason = Some(Reason::ClonedPasskey);
        let event = change.event(EventKind::FactorFailed, Outcome::Failure, reason);
        let user = Some(AuditIdentity::account(view.account.id, &view.account.name));
        self.record_rejection(AuditEvent { user, session: Some(view.session.id), ..event }).await
    }
}

/// A passkey that can be copied to other devices is a key in software.
fn key_method(result: &AuthenticationResult) -> AuthMethod {
    if result.backup_eligible() { AuthMethod::SoftwareKey } else { AuthMethod::HardwareKey }
}
