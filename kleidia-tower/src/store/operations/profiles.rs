//! Operations on profiles.

use std::sync::Arc;

use super::accounts::AccountChange;
use super::commit_with_events;
use super::sessions::EventList;
use crate::UserId;
use crate::account::{AccountChangeError, CodePurpose, Profile};
use crate::audit::EventKind;
use crate::store::rows::Rows;
use crate::store::{ChangeContext, Committed, StoreError};

pub(crate) async fn replace_profile(
    rows: &mut dyn Rows,
    user: UserId,
    profile: &Profile,
    change: &ChangeContext,
) -> Result<Committed<AccountChange>, StoreError> {
    let Some((account, _)) = rows.lock_account(user).await? else {
        return commit_with_events(rows, Err(AccountChangeError::UserNotFound), Vec::new()).await;
    };
    if account.is_erased {
        return commit_with_events(rows, Err(AccountChangeError::UserDisabled), Vec::new()).await;
    }
    let mut events = EventList::new(&account, change);
    let before = rows.profile(user).await?;
    if before != *profile {
        rows.put_profile(user, profile).await?;
        events.add(EventKind::ProfileChanged, None);
    }
    if before.email != profile.email {
        // Codes that were sent to the previous address.
        rows.delete_codes(user, Some(CodePurpose::EmailVerification)).await?;
        rows.delete_codes(user, Some(CodePurpose::Recovery)).await?;
    }
    commit_with_events(rows, Ok(Arc::new(account)), events.into()).await
}
