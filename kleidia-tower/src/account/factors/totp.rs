//! One-time passwords of authenticator apps (RFC 6238): 6 digits, steps of 30 seconds, HMAC-SHA-1.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::FactorSummary;
use crate::account::accounts::random_token;
use crate::account::{
    AccountError, Accounts, CodePurpose, Factor, FactorKind, FactorLabel, NewFactor, OneTimeCode,
};
use crate::opaque_token::OpaqueToken;
use crate::session::{AuthMethod, AuthMethods, SessionView};
use crate::store::StoreError;
use crate::{RequestInfo, Timestamp, UserId, time};

/// How long an enrolment may take.
const ENROLMENT_TTL: Duration = Duration::from_secs(300);

/// An authenticator app that is being enrolled. The secret is shown once.
#[non_exhaustive]
pub struct TotpEnrolment {
    /// The token with which the enrolment is [confirmed](Accounts::confirm_totp).
    pub enrolment: SecretString,
    /// The secret, in Base32, to type into an app.
    pub secret: SecretString,
    /// The secret as an `otpauth` URI, to show as a QR code.
    pub uri: SecretString,
    /// How long the enrolment may take.
    pub expires_in: Duration,
}

/// The data of the factor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    secret: StoredSecret,
    /// The last step whose one-time password was used; 0 before.
    step: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredSecret {
    Plain(String),
    Sealed(String),
}

/// The length of a secret (RFC 4226, 4).
const SECRET: usize = 20;

impl Accounts {
    /// Begins to enrol an authenticator app for the session's user. It does not count until it is
    /// [confirmed](Self::confirm_totp), within 5 minutes.
    ///
    /// # Errors
    /// [`AccountError::StepUp`] unless the session is fresh, and server errors.
    pub async fn enrol_totp(
        &self,
        view: &SessionView,
        request: impl Into<RequestInfo>,
    ) -> Result<TotpEnrolment, AccountError> {
        self.require_fresh(view, &request.into())?;
        let mut secret = Zeroizing::new([0; SECRET]);
        getrandom::fill(&mut *secret).map_err(|_| AccountError::RandomUnavailable)?;
        let (user, now, token) = (view.account.id, self.now()?, random_token()?);
        let data = Data { secret: self.seal(user, &*secret)?, step: 0 };
        let ceremony = OneTimeCode {
            digest: token.digest(),
            user: Some(user),
            purpose: CodePurpose::TotpEnrolment,
            data: data.to_text()?,
            created_at: now,
            expires_at: time::add(now, ENROLMENT_TTL),
        };
        self.store().begin_ceremony(&ceremony).await?;
        let totp = totp(&*secret, self.factor_settings().issuer(), view.account.name.as_str())?;
        let uri = totp.to_url().map_err(|_| AccountError::Aborted)?;
        Ok(TotpEnrolment {
            enrolment: token.to_text(),
            secret: totp.secret().to_base32().into(),
            uri: uri.into(),
            expires_in: ENROLMENT_TTL,
        })
    }

    /// Enrols an authenticator app by its first one-time password, which the session has presented
    /// with this. Recorded as `factor.added`.
    ///
    /// # Errors
    /// [`AccountError::FactorRejected`] for another one-time password, after which the client may try
    /// again; [`AccountError::CeremonyExpired`]; [`AccountError::StepUp`] unless the session is fresh,
    /// and has a second factor if the user has one; [`AccountError::TooManyFactors`], and server
    /// errors.
    pub async fn confirm_totp(
        &self,
        view: &SessionView,
        enrolment: &SecretString,
        code: &SecretString,
        label: FactorLabel,
        request: impl Into<RequestInfo>,
    ) -> Result<FactorSummary, AccountError> {
        let request = request.into();
        self.require_fresh(view, &request)?;
        let (user, purpose, now) = (view.account.id, CodePurpose::TotpEnrolment, self.now()?);
        let token = OpaqueToken::parse(enrolment.expose_secret());
        let digest = token.ok_or(AccountError::CeremonyExpired)?.digest();
        let ceremony = self.store().ceremony(&digest, purpose).await?;
        let ceremony = ceremony.filter(|code| code.user == Some(user) && code.is_valid(now));
        let ceremony = ceremony.ok_or(AccountError::CeremonyExpired)?;
        // The user knows the secret, so there is nothing to guess, and no lockout.
        let data = self.accept_totp(user, &ceremony.data, code, now)?;
        let new = NewFactor {
            user,
            session: view.session.id,
            kind: FactorKind::Totp,
            credential: None,
            label,
            data: data.ok_or(AccountError::FactorRejected)?,
            presented: Some(presented()),
            ceremony: Some((digest, purpose)),
            max_factors: self.factor_settings().max_factors(),
        };
        let change = self.change(request.client.clone(), None)?;
        let added = self.publish(self.store().add_factor(&new, &change).await?);
        let factor = added.map_err(|error| self.factor_change_rejected(view, request, error))?;
        FactorSummary::new(&factor)
    }

    /// Returns the data of a factor after the use of a one-time password; `None` if that is another
    /// one, or was used before.
    pub(super) fn use_totp(
        &self,
        factor: &Factor,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<Option<String>, AccountError> {
        self.accept_totp(factor.user, &factor.data, code, now)
    }

    fn accept_totp(
        &self,
        user: UserId,
        data: &str,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<Option<String>, AccountError> {
        let data: Data =
            serde_json::from_str(data).map_err(|_| StoreError::Corrupt("one-time password"))?;
        let secret = self.open(user, &data.secret)?;
        let totp = totp(&secret, "", "")?;
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        let code = code.expose_secret().trim();
        // Steps only grow, so the password of one that was skipped is not valid either.
        let step = totp.check(code, now).filter(|step| *step > data.step);
        let Some(step) = step else { return Ok(None) };
        Data { secret: self.seal(user, &secret)?, step }.to_text().map(Some)
    }

    fn seal(&self, user: UserId, secret: &[u8]) -> Result<StoredSecret, AccountError> {
        match self.factor_settings().key() {
            None => Ok(StoredSecret::Plain(BASE64_URL_SAFE_NO_PAD.encode(secret))),
            Some(key) => {
                let sealed = key.seal(user, secret).ok_or(AccountError::RandomUnavailable)?;
                Ok(StoredSecret::Sealed(sealed))
            }
        }
    }

    fn open(
        &self,
        user: UserId,
        stored: &StoredSecret,
    ) -> Result<Zeroizing<Vec<u8>>, AccountError> {
        match stored {
            StoredSecret::Plain(text) => {
                let secret = BASE64_URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
                secret.map_err(|_| StoreError::Corrupt("one-time password").into())
            }
            StoredSecret::Sealed(text) => {
                let key = self.factor_settings().key().ok_or(AccountError::FactorKeyUnavailable)?;
                key.open(user, text).ok_or(AccountError::FactorKeyUnavailable)
            }
        }
    }
}

impl Data {
    fn to_text(&self) -> Result<String, AccountError> {
        serde_json::to_string(self).map_err(|_| StoreError::Corrupt("one-time password").into())
    }
}

/// What a user has presented by a one-time password.
pub(super) const fn presented() -> AuthMethods {
    AuthMethods::none().with(AuthMethod::OneTimePassword).with(AuthMethod::MultipleFactors)
}

/// One step of tolerance, as RFC 6238 recommends (5.2). Apps support SHA-1 only, on whose
/// collisions HMAC does not depend.
fn totp(secret: &[u8], issuer: &str, name: &str) -> Result<Totp, AccountError> {
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret.to_vec())
        .with_issuer(Some(issuer))
        .with_account_name(name.replace(':', " "))
        .build();
    totp.map_err(|_| StoreError::Corrupt("one-time password").into())
}

impl fmt::Debug for TotpEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TotpEnrolment")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}
