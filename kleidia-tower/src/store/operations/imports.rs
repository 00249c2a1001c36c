//! Creates accounts of other systems.

use std::sync::Arc;

use super::commit_with_events;
use super::sessions::EventList;
use crate::account::{AccountLookup, ImportMode, ImportResult, ImportedAccount, Profile};
use crate::audit::{AuditEvent, EventKind, Reason};
use crate::rbac::RoleRules;
use crate::store::rows::Rows;
use crate::store::{ChangeContext, Committed, StoreError};

pub(crate) async fn import_accounts(
    rows: &mut dyn Rows,
    accounts: &[ImportedAccount],
    mode: ImportMode,
    rules: &RoleRules,
    change: &ChangeContext,
) -> Result<Committed<Vec<ImportResult>>, StoreError> {
    rows.lock_administration().await?;
    let (mut results, mut events) = (Vec::with_capacity(accounts.len()), Vec::new());
    for account in accounts {
        // Only an operator imports, whose roles are not limited.
        if let Err(error) = rules.check_roles(None, None, &account.new.roles) {
            results.push(ImportResult::Roles(error));
            continue;
        }
        let created = match mode {
            ImportMode::Create => create(rows, account, change).await?,
            ImportMode::Check => None,
        };
        results.push(match created {
            Some(created) => {
                events.extend(created);
                ImportResult::Created
            }
            None => compare(rows, account, mode).await?,
        });
    }
    commit_with_events(rows, results, events).await
}

/// Returns the events of the new account, or `None` if its name exists.
async fn create(
    rows: &mut dyn Rows,
    imported: &ImportedAccount,
    change: &ChangeContext,
) -> Result<Option<Vec<AuditEvent>>, StoreError> {
    let Some(account) = rows.insert_account(&imported.new, change.at).await? else {
        return Ok(None);
    };
    let mut events = EventList::new(&account, change);
    let roles = account.roles.iter().cloned().collect();
    events.add(EventKind::UserCreated, Some(Reason::Imported { roles }));
    if imported.new.profile != Profile::default() {
        rows.put_profile(account.id, &imported.new.profile).await?;
    }
    if imported.is_disabled {
        rows.set_disabled(account.id, true).await?;
        events.add(EventKind::UserDisabled, None);
    }
    Ok(Some(events.into()))
}

/// Compares the account that has the name.
async fn compare(
    rows: &mut dyn Rows,
    imported: &ImportedAccount,
    mode: ImportMode,
) -> Result<ImportResult, StoreError> {
    let new = &imported.new;
    let Some((account, password)) = rows.account(AccountLookup::Name(&new.name)).await? else {
        return Ok(match mode {
            ImportMode::Check => ImportResult::Created,
            // An account had the name before it was renamed.
            ImportMode::Create => ImportResult::UserNameTaken,
        });
    };
    let is_same = password.current == new.password
        && account.roles == new.roles
        && account.is_disabled == imported.is_disabled
        && account.must_change_password == new.must_change_password
        && rows.profile(account.id).await? == new.profile;
    Ok(if is_same { ImportResult::Unchanged } else { ImportResult::Differs(Arc::new(account)) })
}
