//! The operations on the audit log, and the deletion of expired rows.

use kleidia_tower::audit::{AuditStore as _, EventKind, ExportError, LogConflict, Outcome};
use kleidia_tower::store::{PostgresStore, PurgeStore as _, Retention, StoreError};

use super::Operation;
use crate::fixture::{Fixture, PURGE, day};
use crate::log_base::{detached_at, successor};

impl Operation {
    pub(super) async fn maintain(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        Ok(match self {
            Self::Append => {
                let event = fixture.change(number, 1).event(
                    EventKind::PermissionDenied,
                    Outcome::Failure,
                    None,
                );
                let event = fixture.event_of_account(event);
                format!("{} appended", store.append(vec![event; 2]).await?.len())
            }
            Self::Purge => {
                purge(store).await?;
                "purged".to_owned()
            }
            Self::Seal => {
                let size = store.seal().await?.map(|checkpoint| checkpoint.size());
                format!("{:?} sealed", size.map(|size| size - fixture.log().size))
            }
            Self::Detach => match store.detach(&fixture.log().proofs, detached_at()).await {
                Ok(detachment) => {
                    format!("{} detached", detachment.size() - fixture.log().detached)
                }
                // Which of these says so depends on where the other operation was.
                Err(ExportError::Order { .. }) => detached_before(),
                Err(ExportError::Store(error)) if error.to_string().contains(CONCURRENT) => {
                    detached_before()
                }
                Err(ExportError::Store(error)) if is_of_other_key(&error) => {
                    "the key was replaced before".to_owned()
                }
                Err(ExportError::Store(error)) => return Err(error),
                Err(error) => format!("{error}"),
            },
            _ => {
                let checkpoint =
                    store.replace_key(&successor(), &fixture.change(number, 1)).await?;
                format!("replaced after {}", checkpoint.size() - fixture.log().size)
            }
        })
    }
}

const CONCURRENT: &str = "another process has detached these records meanwhile";

/// Whether the log has another key than the store, by the key or by what it has signed.
fn is_of_other_key(error: &StoreError) -> bool {
    let is_registered = matches!(error, StoreError::Log(LogConflict::OtherKey { .. }));
    is_registered || error.to_string().ends_with("is not signed")
}

fn detached_before() -> String {
    "detached before".to_owned()
}

/// Deletes what has expired, and is not locked.
pub(crate) async fn purge(store: &PostgresStore) -> Result<(), StoreError> {
    const LIMIT: usize = 1000;
    while store.purge(day(PURGE), &Retention::default(), LIMIT).await? >= LIMIT {}
    Ok(())
}
