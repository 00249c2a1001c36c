//! `portal unlock`: removes the locks of a login.

use std::io::{self, Write as _};

use http_guard::log;
use kleidia_tower::account::{AccountError, Accounts};
use secrecy::{ExposeSecret as _, SecretString};

use crate::BoxError;
use crate::arguments::AuditFiles;
use crate::database::Location;
use crate::service::Service;

/// Removes all locks of the account with this name, and prints a new device token if requested.
pub(crate) async fn run(
    database: &Location,
    audit: &AuditFiles,
    name: &str,
    device: bool,
) -> Result<(), BoxError> {
    database.require()?;
    let service = Service::open_for_command(database, audit).await?;
    let outcome = unlock(&service.accounts, name, device).await;
    service.close(None).await;
    let token = match outcome {
        Err(AccountError::UserNotFound) => return Err(format!("no account {name:?}").into()),
        outcome => outcome?,
    };
    // It is unlocked, also if standard output is gone.
    log::announce(&format!("unlocked the sign-in of {name}"));
    if let Some(token) = token {
        let (token, mut stdout) = (token.expose_secret(), io::stdout());
        writeln!(stdout, "device token: {token}")?;
        writeln!(
            stdout,
            "open the page at /#device={token} to sign in, or send it as X-Device-Token"
        )?;
    }
    Ok(())
}

async fn unlock(
    accounts: &Accounts,
    name: &str,
    device: bool,
) -> Result<Option<SecretString>, AccountError> {
    accounts.unlock_by_name(name).await?;
    if device { accounts.add_device(name).await.map(Some) } else { Ok(None) }
}
