//! `portal user list`: all accounts, a page at a time.

use std::sync::Arc;

use kleidia_tower::account::{Account, Accounts};

use super::UserJson;
use crate::BoxError;
use crate::exit::classify;
use crate::output::{Output, pad, width};

/// How many accounts are read at a time: memory does not grow with their number.
const PAGE: usize = 500;

/// Prints each account.
pub(super) async fn run(accounts: &Accounts, output: &mut Output) -> Result<(), BoxError> {
    let mut columns = Columns::default();
    if !output.is_json() {
        output.line(&columns.header())?;
    }
    for_each_page(accounts, async |page| {
        columns.fit(page);
        for account in page {
            if !output.print(&UserJson::from(&**account), || columns.line(account))? {
                return Ok(false);
            }
        }
        output.flush()
    })
    .await
}

/// Calls a function with all accounts, in the order of their ids, until it returns `false`.
pub(crate) async fn for_each_page(
    accounts: &Accounts,
    mut visit: impl AsyncFnMut(&[Arc<Account>]) -> Result<bool, BoxError>,
) -> Result<(), BoxError> {
    let mut after = None;
    loop {
        let page = accounts.users(after, PAGE).await.map_err(|error| classify(error.into()))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        if !visit(&page).await? {
            return Ok(());
        }
    }
}

/// The widths of columns, which grow with later pages.
struct Columns {
    id: usize,
    name: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self { id: 4, name: 8 }
    }
}

impl Columns {
    fn fit(&mut self, page: &[Arc<Account>]) {
        let names = width(page.iter().map(|account| account.name.as_str()));
        // Ids grow.
        let id = page.last().map_or(0, |account| account.id.to_string().len());
        (self.id, self.name) = (self.id.max(id), self.name.max(names));
    }

    fn header(&self) -> String {
        let (id, name) = (self.id, pad("NAME", self.name));
        format!("{:>id$}  {:<20}  {:<15}  {name}  ROLES", "ID", "CREATED", "STATE")
    }

    fn line(&self, account: &Account) -> String {
        let (id, created_at) = (self.id, account.created_at.to_string());
        let (name, roles) = (pad(account.name.as_str(), self.name), roles(account));
        let line = format!(
            "{:>id$}  {created_at:<20}  {:<15}  {name}  {roles}",
            account.id,
            state(account)
        );
        line.trim_end().to_owned()
    }
}

const fn state(account: &Account) -> &'static str {
    if account.is_erased {
        "erased"
    } else if account.is_disabled {
        "disabled"
    } else if account.must_change_password {
        "change-password"
    } else {
        "active"
    }
}

pub(super) fn roles(account: &Account) -> String {
    let roles: Vec<String> = account.roles.iter().map(ToString::to_string).collect();
    roles.join(",")
}
