//! Accounts: login, refresh, logout, password changes, and administration.

mod accounts;
mod administration;
mod code_delivery;
mod email_address;
mod end_all_sessions;
mod error;
mod factor;
mod factor_store;
mod factors;
mod hooks;
mod import;
mod login;
mod new_user;
mod one_time_code;
mod password_change;
mod password_verification;
mod pending_attempt;
mod profile;
mod profile_store;
mod profiles;
mod record;
mod recovery;
mod recovery_store;
mod refresh;
mod sessions;
mod settings;
#[cfg(feature = "smtp")]
mod smtp;
mod store;
mod unlock;

pub use accounts::{Accounts, TokenSet};
pub use code_delivery::{CodeDelivery, CodeMessage, DeliveryError};
pub use email_address::{EmailAddress, EmailAddressError};
pub use error::AccountError;
pub use factor::{Factor, FactorKind, FactorLabel, FactorLabelError};
pub use factor_store::{
    FactorChangeError, FactorOutcome, FactorRemoval, FactorStore, FactorUse, NewFactor,
};
#[cfg(feature = "totp")]
pub use factors::TotpEnrolment;
pub use factors::{
    FactorKey, FactorKeyError, FactorSettings, FactorSummary, PresentedFactor, RecoveryCodes,
};
#[cfg(feature = "passkeys")]
pub use factors::{PasskeyCeremony, PasskeySettings, PasskeySettingsError};
pub use hooks::{
    AccessTokenContext, AccountHooks, HookDenial, HookError, LoginContext, NewAccountContext,
    PasswordChangeContext,
};
#[cfg(feature = "imported-hashes")]
pub use import::{AccountImport, ImportError, ImportOptions, ImportOutcome};
pub use import::{ImportMode, ImportResult, ImportedAccount};
pub use login::LoginRequest;
pub use new_user::{CreatedUser, NewUser};
pub use one_time_code::{CodePurpose, OneTimeCode};
pub use profile::{
    Attributes, AttributesError, DisplayName, DisplayNameError, Profile, ProfileEmail,
};
pub use profile_store::ProfileStore;
pub use record::{Account, PasswordHash, StoredPassword};
pub use recovery::{IssuedCode, RecoveryRequest};
pub use recovery_store::{Recovery, RecoveryOutcome, RecoveryStore};
pub use settings::AccountSettings;
#[cfg(feature = "smtp")]
pub use smtp::{SmtpDelivery, SmtpSecurity};
pub use store::{
    AccountChangeError, AccountLookup, AccountStore, AccountUpdate, NewAccount, PasswordChange,
};
