//! `portal unlock`: removes the locks of a login.

use std::io::{self, Write as _};
use std::path::Path;

use kleidia_tower::account::AccountError;

use crate::BoxError;
use crate::service::Service;
use crate::settings::Settings;

/// Removes all locks of the account with this name.
pub(crate) async fn run(database: &Path, name: &str) -> Result<(), BoxError> {
    if !database.try_exists()? {
        return Err(format!("{}: no such database", database.display()).into());
    }
    let service = Service::open(database, &Settings::default()).await?;
    let outcome = service.accounts.unlock_by_name(name).await;
    service.close().await;
    match outcome {
        Ok(()) => Ok(writeln!(io::stdout(), "unlocked the sign-in of {name}")?),
        Err(AccountError::UserNotFound) => Err(format!("no account {name:?}").into()),
        Err(other) => Err(other.into()),
    }
}
