//! `portal end-sessions`: ends the sessions of all users.

use http_guard::log;

use crate::BoxError;
use crate::arguments::AuditFiles;
use crate::database::Location;
use crate::service::Service;

/// Ends all sessions, and revokes all refresh tokens.
pub(crate) async fn run(database: &Location, audit: &AuditFiles) -> Result<(), BoxError> {
    database.require()?;
    let service = Service::open_for_command(database, audit).await?;
    let outcome = service.accounts.end_all_sessions().await;
    service.close(None).await;
    let ended = outcome?;
    log::announce(&format!("ended all sessions, of which {ended} were active"));
    Ok(())
}
