//! `portal unlock`: removes the locks of a login.

use std::io::{self, Write as _};
use std::path::Path;

use http_guard::log;
use kleidia_tower::account::{AccountError, Accounts};
use secrecy::{ExposeSecret as _, SecretString};

use crate::BoxError;
use crate::service::Service;
use crate::settings::Settings;

/// Removes all locks of the account with this name, and prints a new device token if requested.
pub(crate) async fn run(database: &Path, name: &str, device: bool) -> Result<(), BoxError> {
    if !database.try_exists()? {
        return Err(format!("{}: no such database", database.display()).into());
    }
    let service = Service::open(database, &Settings::default()).await?;
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
