//! Delivery of one-time codes, and recovery that users request themselves.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_guard::{LogLimiter, event, log_text_up_to};
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Account, AccountError, AccountLookup, Accounts, CodePurpose, EmailAddress, Profile};
use crate::rate_limit::{Limit, RateLimiter};
use crate::rbac::RoleRules;
use crate::telemetry::MAX_ERROR_CHARACTERS;
use crate::{ClientInfo, Timestamp, UserName};

/// How many requests for codes wait or are served at the same time. Further ones are dropped.
const MAX_REQUESTS: usize = 64;
/// How many accounts with one address get a code for one request.
const MAX_ACCOUNTS: usize = 5;
/// How many codes an account gets within [`PERIOD`].
const MAX_CODES: u32 = 3;
const PERIOD: Duration = Duration::from_secs(3600);

static FAILURES: LogLimiter = LogLimiter::per_second(1);

/// Delivers one-time codes to the owners of accounts, such as by mail.
///
/// ```
/// use async_trait::async_trait;
/// use kleidia_tower::account::{CodeDelivery, CodeMessage, DeliveryError};
///
/// struct Outbox;
///
/// #[async_trait]
/// impl CodeDelivery for Outbox {
///     async fn deliver(&self, message: &CodeMessage) -> Result<(), DeliveryError> {
///         println!("a code for {}", message.user_name);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait CodeDelivery: Send + Sync + 'static {
    /// Delivers a code, or fails within a bounded time.
    ///
    /// # Errors
    /// [`DeliveryError`] if it is not delivered.
    async fn deliver(&self, message: &CodeMessage) -> Result<(), DeliveryError>;
}

/// A one-time code to deliver. `Debug` does not print the code.
#[derive(Clone, Debug)]
pub struct CodeMessage {
    /// What the code is for.
    pub purpose: CodePurpose,
    /// The user.
    pub user_name: UserName,
    /// The personal data of the user.
    pub profile: Profile,
    /// Where to deliver it.
    pub address: EmailAddress,
    /// The code, a credential.
    pub code: SecretString,
    /// The time at which the code expires (exclusive).
    pub expires_at: Timestamp,
}

/// An error of [`CodeDelivery`]. Its text contains neither the code nor the address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("code not delivered: {0}")]
pub struct DeliveryError(#[source] Arc<dyn Error + Send + Sync>);

impl DeliveryError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into().into())
    }
}

/// The delivery of codes that users request, and its bounds.
#[derive(Clone)]
pub(super) struct RecoveryRequests {
    delivery: Arc<dyn CodeDelivery>,
    slots: Arc<Semaphore>,
    codes: Arc<RateLimiter>,
}

impl RecoveryRequests {
    pub(super) fn new(delivery: impl CodeDelivery) -> Self {
        let limit =
            Limit::per(PERIOD, MAX_CODES).unwrap_or_else(|_| Limit::per_minute(NonZeroU32::MIN));
        Self {
            delivery: Arc::new(delivery),
            slots: Arc::new(Semaphore::new(MAX_REQUESTS)),
            codes: Arc::new(RateLimiter::new(limit)),
        }
    }
}

impl Accounts {
    /// Returns whether codes can be delivered.
    #[must_use]
    pub fn delivers_codes(&self) -> bool {
        self.recovery_requests().is_some()
    }

    /// Sends a recovery code to the owner of an account, in the background: to the verified address
    /// of the account with this user name, and of at most 5 accounts with this verified address.
    ///
    /// It returns at once, and its result says nothing about accounts. An account gets at most 3 codes
    /// an hour from each process, and at most 64 requests are served at the same time: others are
    /// dropped. So limit the requests of an address as those of logins. Without
    /// [`with_code_delivery`](Self::with_code_delivery) nothing is sent. Needs a Tokio runtime.
    pub fn request_recovery(&self, login: &str, client: ClientInfo) {
        let Some(requests) = self.recovery_requests().cloned() else { return };
        let Ok(slot) = Arc::clone(&requests.slots).try_acquire_owned() else {
            log_failure(&"too many requests at once");
            return;
        };
        let (accounts, login) = (self.clone(), login.to_owned());
        let serving = async move { accounts.serve(&requests, &login, client, slot).await };
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: a panic ends one request, and frees its slot"
        )]
        drop(tokio::spawn(serving));
    }

    async fn serve(
        &self,
        requests: &RecoveryRequests,
        login: &str,
        client: ClientInfo,
        _slot: OwnedSemaphorePermit,
    ) {
        match self.find_recipients(login).await {
            Ok(recipients) => {
                for (account, profile) in recipients {
                    if let Err(error) = self.send(requests, &account, profile, &client).await {
                        log_failure(&error);
                    }
                }
            }
            Err(error) => log_failure(&error),
        }
    }

    /// Returns the enabled accounts that a user may mean, with their profiles.
    async fn find_recipients(
        &self,
        login: &str,
    ) -> Result<Vec<(Arc<Account>, Profile)>, AccountError> {
        let mut users = Vec::new();
        if let Ok(name) = login.parse::<UserName>() {
            let found = self.store().account_with_password(AccountLookup::Name(&name)).await?;
            users.extend(found.map(|(account, _)| account.id));
        }
        if let Ok(address) = login.parse::<EmailAddress>() {
            users.extend(self.store().users_by_email(&address, MAX_ACCOUNTS).await?);
        }
        users.sort_unstable();
        users.dedup();
        let mut recipients = Vec::new();
        for (user, profile) in self.store().profiles(&users).await? {
            let Some(account) = self.user(user).await? else { continue };
            if !account.is_disabled && profile.verified_email().is_some() {
                recipients.push((account, profile));
            }
        }
        Ok(recipients)
    }

    async fn send(
        &self,
        requests: &RecoveryRequests,
        account: &Account,
        profile: Profile,
        client: &ClientInfo,
    ) -> Result<(), DeliveryError> {
        let Some(address) = profile.verified_email().cloned() else { return Ok(()) };
        requests.codes.check(&account.id, 1).map_err(DeliveryError::new)?;
        let issued = self.issue_for_owner(account, client).await.map_err(DeliveryError::new)?;
        let message = CodeMessage {
            purpose: CodePurpose::Recovery,
            user_name: account.name.clone(),
            profile,
            address,
            code: issued.code,
            expires_at: issued.expires_at,
        };
        requests.delivery.deliver(&message).await
    }

    async fn issue_for_owner(
        &self,
        account: &Account,
        client: &ClientInfo,
    ) -> Result<super::IssuedCode, AccountError> {
        // The code goes to the owner, so no rules limit who issues it.
        let rules = RoleRules::for_operator(self.policy().policy().await?);
        let change = self.change(client.clone(), None)?;
        let (code, row) = self.new_code(CodePurpose::Recovery, Some(account.id), &change)?;
        let expires_at = row.expires_at;
        let issued = self.store().issue_recovery_code(row, &rules, &change).await?;
        self.publish(issued)?;
        Ok(super::IssuedCode { code, expires_at })
    }
}

fn log_failure(error: &dyn fmt::Display) {
    if let Some(suppressed) = FAILURES.allow() {
        let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
        event!(warn, error, suppressed, "failed to deliver a one-time code");
    }
}
