//! The operations of administrators and operators on accounts.

use kleidia_tower::account::{
    AccountStore as _, AccountUpdate, ImportMode, ImportResult, ImportedAccount, NewAccount,
    ProfileStore as _, RecoveryStore as _,
};
use kleidia_tower::rbac::{Policy, RoleName, RoleRules};
use kleidia_tower::store::{PostgresStore, StoreError};

use super::{NUMBERS, Operation};
use crate::fixture::Fixture;
use crate::numbered::{hash, new_account, operator};

impl Operation {
    pub(super) async fn administrate(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let (user, change) = (fixture.account.id, &fixture.change(number, 1));
        Ok(match self {
            Self::CreateAccount => {
                let [name, _] = fixture.new_names();
                let roles = [RoleName::admin()].into();
                let new = NewAccount { roles, ..new_account(&name) };
                let by_other = RoleRules::for_user(Policy::default(), fixture.other.id);
                let created = store.create_account(new, &by_other, change).await?.value;
                format!("created {:?}", created.map(drop))
            }
            Self::Import => import(store, fixture, number).await?,
            Self::RequireChange => {
                let required = store.require_password_change(user, change).await?.value;
                format!("required {:?}", required.map(drop))
            }
            Self::Rename => {
                let name = format!("renamed{number}-{}", fixture.account.name).parse().unwrap();
                let renamed = store.rename(user, name, change).await?.value;
                format!("renamed {:?}", renamed.map(drop))
            }
            Self::Erase => {
                let erased = store.erase(user, hash(number), change).await?.value;
                format!("erased {:?}", erased.map(drop))
            }
            _ => self.update(store, fixture, number).await?,
        })
    }

    async fn update(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let (account, other) = (fixture.account.id, fixture.other.id);
        let (id, rules) = match self {
            Self::DisableByOther => (account, RoleRules::for_user(Policy::default(), other)),
            Self::DisableOther => (other, RoleRules::for_user(Policy::default(), account)),
            _ => (account, operator()),
        };
        let update = match self {
            Self::RemoveRole => {
                AccountUpdate { is_disabled: None, roles: Some([RoleName::user()].into()) }
            }
            _ => AccountUpdate { is_disabled: Some(true), roles: None },
        };
        let updated =
            store.update_account(id, update, &rules, &fixture.change(number, 1)).await?.value;
        Ok(format!("updated {:?}", updated.map(drop)))
    }
}

/// Creates two accounts, which have another password on each node.
async fn import(
    store: &PostgresStore,
    fixture: &Fixture,
    number: u32,
) -> Result<String, StoreError> {
    let account = |name: String| ImportedAccount {
        new: NewAccount { password: hash(number), ..new_account(&name) },
        is_disabled: false,
    };
    let mut accounts = fixture.new_names().map(account).to_vec();
    if number == NUMBERS[1] {
        accounts.reverse();
    }
    let (rules, change) = (operator(), fixture.change(number, 1));
    let results = store.import_accounts(accounts, ImportMode::Create, &rules, &change).await?;
    let results = results.value.into_iter().map(|result| match result {
        // With an id that differs between fixtures.
        ImportResult::Differs(_) => "Differs".to_owned(),
        other => format!("{other:?}"),
    });
    Ok(format!("imported {:?}", results.collect::<Vec<_>>()))
}
