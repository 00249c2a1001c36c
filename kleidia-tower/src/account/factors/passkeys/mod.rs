//! Passkeys as second factors (WebAuthn Level 3), with user verification.

mod assertion;
mod enrolment;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{Url, Uuid};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::account::accounts::random_token;
use crate::account::{AccountError, Accounts, CodePurpose, Factor, OneTimeCode};
use crate::opaque_token::OpaqueToken;
use crate::session::{AuthMethod, AuthMethods, SessionView};
use crate::store::StoreError;
use crate::{SessionId, UserId, time};

/// How long a ceremony may take.
const CEREMONY_TTL: Duration = Duration::from_secs(300);

/// The relying party of passkeys: the service, as authenticators know it. Cheap to clone.
///
/// ```
/// use kleidia_tower::account::{FactorSettings, PasskeySettings};
///
/// let passkeys = PasskeySettings::new("example.com", "https://portal.example.com")?;
/// let settings = FactorSettings::default().with_passkeys(passkeys);
/// # Ok::<(), kleidia_tower::account::PasskeySettingsError>(())
/// ```
#[derive(Clone)]
pub struct PasskeySettings(Arc<Webauthn>);

/// An error from creating [`PasskeySettings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an origin such as https://portal.example.com, of the domain or a sub-domain of it"
)]
pub struct PasskeySettingsError;

/// A ceremony that an authenticator has to complete, within 5 minutes.
#[non_exhaustive]
pub struct PasskeyCeremony {
    /// The token with which the ceremony is finished, once.
    pub ceremony: SecretString,
    /// The options for `navigator.credentials.create` or `get`: the member `publicKey` is in the JSON
    /// form of `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`.
    pub options: Value,
    /// How long the ceremony may take.
    pub expires_in: Duration,
}

/// The data of a ceremony: the challenge, and the session that has to answer it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CeremonyData<T> {
    session: SessionId,
    state: T,
}

impl PasskeySettings {
    /// Returns the relying party with this id, a domain (WebAuthn, 5.1.2), whose pages have this
    /// origin. Browsers bind passkeys to the id: they are of no use under another one.
    ///
    /// # Errors
    /// [`PasskeySettingsError`] if the origin is not one of the domain.
    pub fn new(id: &str, origin: &str) -> Result<Self, PasskeySettingsError> {
        let origin = Url::parse(origin).map_err(|_| PasskeySettingsError)?;
        let builder = WebauthnBuilder::new(id, &origin).map_err(|_| PasskeySettingsError)?;
        let webauthn = builder.rp_name(id).timeout(CEREMONY_TTL).build();
        webauthn.map(|webauthn| Self(Arc::new(webauthn))).map_err(|_| PasskeySettingsError)
    }
}

impl Accounts {
    fn webauthn(&self) -> Result<&Webauthn, AccountError> {
        let passkeys = self.factor_settings().passkeys();
        passkeys.map(|passkeys| &*passkeys.0).ok_or(AccountError::PasskeysUnsupported)
    }

    /// Stores a challenge for a session, in place of an earlier one of the user for the same purpose.
    async fn begin_passkey_ceremony(
        &self,
        view: &SessionView,
        purpose: CodePurpose,
        state: impl Serialize,
        options: Value,
    ) -> Result<PasskeyCeremony, AccountError> {
        let (now, token) = (self.now()?, random_token()?);
        let ceremony = OneTimeCode {
            digest: token.digest(),
            user: Some(view.account.id),
            purpose,
            data: to_text(&CeremonyData { session: view.session.id, state })?,
            created_at: now,
            expires_at: time::add(now, CEREMONY_TTL),
        };
        self.store().begin_ceremony(&ceremony).await?;
        Ok(PasskeyCeremony { ceremony: token.to_text(), options, expires_in: CEREMONY_TTL })
    }

    /// Ends a ceremony of a session before it is verified, so a challenge is answered once.
    async fn take_passkey_ceremony<T: DeserializeOwned>(
        &self,
        view: &SessionView,
        ceremony: &SecretString,
        purpose: CodePurpose,
    ) -> Result<T, AccountError> {
        let token = OpaqueToken::parse(ceremony.expose_secret());
        let digest = token.ok_or(AccountError::CeremonyExpired)?.digest();
        let now = self.now()?;
        let is_own = |code: &OneTimeCode| code.user == Some(view.account.id) && code.is_valid(now);
        let found = self.store().ceremony(&digest, purpose).await?.filter(is_own);
        let found = found.ok_or(AccountError::CeremonyExpired)?;
        let data: CeremonyData<T> = from_text(&found.data)?;
        // Another user or session must not end it.
        if data.session != view.session.id {
            return Err(AccountError::CeremonyExpired);
        }
        let ended = self.store().take_ceremony(&digest, purpose).await?;
        ended.map(|_| data.state).ok_or(AccountError::CeremonyExpired)
    }
}

/// What a user has presented by a passkey with user verification, which is several factors by itself.
const fn presented(key: AuthMethod) -> AuthMethods {
    AuthMethods::none().with(key).with(AuthMethod::UserPresence).with(AuthMethod::MultipleFactors)
}

/// The handle of a user for authenticators, which has no personal data (WebAuthn, 14.6.1).
fn user_handle(user: UserId) -> Uuid {
    let digest = digest(&SHA256, format!("kleidia: passkeys of user {user}").as_bytes());
    let mut octets = [0; 16];
    octets.iter_mut().zip(digest.as_ref()).for_each(|(octet, from)| *octet = *from);
    Uuid::from_bytes(octets)
}

/// Returns the passkeys among these factors, as options name them (WebAuthn, 5.8.3).
fn descriptors(factors: &[Factor]) -> Vec<Value> {
    let credentials = factors.iter().filter_map(|factor| factor.credential.as_ref());
    credentials
        .map(|id| json!({"type": "public-key", "id": BASE64_URL_SAFE_NO_PAD.encode(id)}))
        .collect()
}

fn parse<T: DeserializeOwned>(credential: &Value) -> Result<T, AccountError> {
    T::deserialize(credential).map_err(|_| AccountError::FactorRejected)
}

fn to_value(options: &impl Serialize) -> Result<Value, AccountError> {
    serde_json::to_value(options).map_err(|_| StoreError::Corrupt("passkey").into())
}

fn to_text(value: &impl Serialize) -> Result<String, AccountError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("passkey").into())
}

fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, AccountError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("passkey").into())
}

impl fmt::Debug for PasskeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasskeySettings")
    }
}

impl fmt::Debug for PasskeyCeremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PasskeyCeremony");
        debug.field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}
