//! The enrolment of a passkey (WebAuthn, 7.1).

use secrecy::SecretString;
use serde_json::{Value, json};
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential};

use super::{PasskeyCeremony, descriptors, parse, presented, to_text, to_value, user_handle};
use crate::RequestInfo;
use crate::account::factors::FactorSummary;
use crate::account::{
    AccountError, Accounts, CodePurpose, Factor, FactorKind, FactorLabel, NewFactor,
};
use crate::session::{AuthMethod, SessionView};

impl Accounts {
    /// Begins to enrol a passkey of the session's user, in place of an earlier enrolment of the user
    /// that was not confirmed.
    ///
    /// # Errors
    /// [`AccountError::StepUp`] unless the session is fresh, [`AccountError::PasskeysUnsupported`]
    /// without [`FactorSettings::with_passkeys`](crate::account::FactorSettings::with_passkeys), and
    /// server errors.
    pub async fn enrol_passkey(
        &self,
        view: &SessionView,
        request: impl Into<RequestInfo>,
    ) -> Result<PasskeyCeremony, AccountError> {
        let webauthn = self.webauthn()?;
        self.require_fresh(view, &request.into())?;
        let (user, name) = (view.account.id, view.account.name.as_str());
        let known = self.store().factors(user).await?;
        let (options, state) = webauthn
            .start_passkey_registration(user_handle(user), name, name, None)
            .map_err(|_| AccountError::RandomUnavailable)?;
        let mut options = to_value(&options)?;
        // The state would have no room for many credentials. The store rejects them anyway.
        if let Some(options) = options.pointer_mut("/publicKey").and_then(Value::as_object_mut) {
            options.insert("excludeCredentials".to_owned(), json!(descriptors(&known)));
        }
        let purpose = CodePurpose::PasskeyRegistration;
        self.begin_passkey_ceremony(view, purpose, state, options).await
    }

    /// Enrols the passkey that an authenticator has created, which the session has presented with
    /// this. The ceremony ends, also if it fails. Recorded as `factor.added`.
    ///
    /// `credential` is the JSON form of the browser's `PublicKeyCredential` (WebAuthn, 5.1).
    ///
    /// # Errors
    /// [`AccountError::CeremonyExpired`], also in another session than that which began it;
    /// [`AccountError::FactorRejected`] for a credential of another challenge or origin, or without
    /// user verification; [`AccountError::FactorExists`]; [`AccountError::StepUp`] unless the session
    /// is fresh, and has a second factor if the user has one; [`AccountError::TooManyFactors`],
    /// [`AccountError::PasskeysUnsupported`], and server errors.
    pub async fn confirm_passkey(
        &self,
        view: &SessionView,
        ceremony: &SecretString,
        credential: &Value,
        label: FactorLabel,
        request: impl Into<RequestInfo>,
    ) -> Result<FactorSummary, AccountError> {
        let (webauthn, request) = (self.webauthn()?, request.into());
        self.require_fresh(view, &request)?;
        let purpose = CodePurpose::PasskeyRegistration;
        let state: PasskeyRegistration =
            self.take_passkey_ceremony(view, ceremony, purpose).await?;
        let credential: RegisterPublicKeyCredential = parse(credential)?;
        let passkey = webauthn.finish_passkey_registration(&credential, &state);
        let passkey = passkey.map_err(|_| AccountError::FactorRejected)?;
        let (id, data) = (Vec::clone(passkey.cred_id()), to_text(&passkey)?);
        if data.len() > Factor::MAX_DATA_OCTETS || id.len() > Factor::MAX_CREDENTIAL_OCTETS {
            return Err(AccountError::FactorRejected);
        }
        let new = NewFactor {
            user: view.account.id,
            session: view.session.id,
            kind: FactorKind::Passkey,
            credential: Some(id),
            label,
            data,
            // Whether its key can leave the hardware is known at its first use.
            presented: Some(presented(AuthMethod::SoftwareKey)),
            ceremony: None,
            max_factors: self.factor_settings().max_factors(),
        };
        let change = self.change(request.client.clone(), None)?;
        let added = self.publish(self.store().add_factor(&new, &change).await?);
        let factor = added.map_err(|error| self.factor_change_rejected(view, request, error))?;
        FactorSummary::new(&factor)
    }
}
