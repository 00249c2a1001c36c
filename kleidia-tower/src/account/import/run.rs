//! An import: checks the accounts of batches and creates them.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use super::{ImportError, ImportMode, ImportResult, ImportedAccount};
use crate::account::{AccountError, Accounts};
use crate::audit::{AuditQuery, EventKind, Reason};
use crate::password::ParameterSets;
use crate::rbac::RoleRules;
use crate::telemetry::log_unavailable;
use crate::{ClientInfo, UserId};

/// An import of accounts from another system, by an operator who has no session.
///
/// It can be run again, also after an interruption: accounts that are there already with the same
/// values are left as they are, and so are those that an import created and that have changed since.
///
/// ```no_run
/// # async fn example(accounts: kleidia_tower::account::Accounts, lines: Vec<Vec<u8>>)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use kleidia_tower::account::{AccountImport, ImportOptions, ImportedAccount};
///
/// let mut import = accounts.start_import(ImportOptions::default()).await?;
/// for lines in lines.chunks(AccountImport::MAX_BATCH) {
///     let batch = lines.iter().map(|line| ImportedAccount::from_json(line));
///     for outcome in import.add(batch.collect()).await? {
///         println!("{outcome:?}");
///     }
/// }
/// # Ok(()) }
/// ```
pub struct AccountImport {
    accounts: Accounts,
    options: ImportOptions,
    rules: RoleRules,
    sets: ParameterSets,
    /// Digests of the names of earlier lines, under a random key: names can be long and many.
    names: HashSet<u64>,
    hasher: RandomState,
}

/// Options of an [`AccountImport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    allows_administrators: bool,
    mode: ImportMode,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// An account was created; with [`ImportOptions::with_dry_run`], it would be.
    Created,
    /// The account is there already, with the same values.
    Unchanged,
    /// An import has created an account with this name, and it has other values now: a login replaces
    /// the hash, for example. It was left as it is.
    Changed,
    /// The line is rejected.
    Rejected(ImportError),
}

impl ImportOptions {
    /// Creates accounts with roles of administrators, too. By default they are rejected: a role can
    /// have another meaning in the other system.
    #[must_use]
    pub const fn with_administrators(self) -> Self {
        Self { allows_administrators: true, ..self }
    }

    /// Checks the lines without creating accounts.
    #[must_use]
    pub const fn with_dry_run(self) -> Self {
        Self { mode: ImportMode::Check, ..self }
    }
}

impl Accounts {
    /// Starts an import.
    ///
    /// # Errors
    /// Server errors.
    pub async fn start_import(
        &self,
        options: ImportOptions,
    ) -> Result<AccountImport, AccountError> {
        let policy = self.policy().policy().await.inspect_err(|error| {
            log_unavailable("policy", error);
        })?;
        let sets = ParameterSets::new(self.store().password_parameters().await?);
        let (rules, hasher) = (RoleRules::for_operator(policy), RandomState::new());
        let (accounts, names) = (self.clone(), HashSet::new());
        Ok(AccountImport { accounts, options, rules, sets, names, hasher })
    }
}

impl AccountImport {
    /// The maximum length of a line in octets.
    pub const MAX_LINE_OCTETS: usize = 16 * 1024;
    /// The number of accounts that are created in one transaction, which delays logins.
    pub const MAX_BATCH: usize = 100;

    /// Creates the accounts of a batch of lines, and returns the outcome of each. Batches above
    /// [`Self::MAX_BATCH`] are split.
    ///
    /// Each account is recorded as `user.created` with the reason `imported`, in the transaction that
    /// creates it.
    ///
    /// # Errors
    /// Server errors. Some of the accounts may be created then: add the batch to another import.
    pub async fn add(
        &mut self,
        mut lines: Vec<Result<ImportedAccount, ImportError>>,
    ) -> Result<Vec<ImportOutcome>, AccountError> {
        let mut outcomes = Vec::with_capacity(lines.len());
        while !lines.is_empty() {
            let rest = lines.split_off(lines.len().min(Self::MAX_BATCH));
            outcomes.extend(self.add_batch(lines).await?);
            lines = rest;
        }
        Ok(outcomes)
    }

    async fn add_batch(
        &mut self,
        lines: Vec<Result<ImportedAccount, ImportError>>,
    ) -> Result<Vec<ImportOutcome>, AccountError> {
        let checked: Vec<_> =
            lines.into_iter().map(|line| line.and_then(|account| self.check(account))).collect();
        let accounts: Vec<_> = checked.iter().flatten().cloned().collect();
        let mut created = self.create(accounts).await?.into_iter();
        let mut outcomes = Vec::with_capacity(checked.len());
        for line in checked {
            outcomes.push(match line {
                Err(error) => ImportOutcome::Rejected(error),
                Ok(_) => self.outcome(created.next().ok_or(AccountError::Aborted)?).await?,
            });
        }
        Ok(outcomes)
    }

    /// Checks what the store does not. The name counts if nothing else is wrong.
    fn check(&mut self, account: ImportedAccount) -> Result<ImportedAccount, ImportError> {
        let roles = &account.new.roles;
        let is_administrator = !roles.is_disjoint(&self.rules.admin_roles());
        if is_administrator && !self.options.allows_administrators {
            return Err(ImportError::Administrator);
        }
        if self.rules.check_roles(None, None, roles).is_err() {
            return Err(ImportError::UnknownRole);
        }
        let name = self.hasher.hash_one(&account.new.name);
        if self.names.contains(&name) {
            return Err(ImportError::RepeatedName);
        }
        self.sets.add_parameters(account.new.password.parameters())?;
        self.names.insert(name);
        Ok(account)
    }

    async fn create(
        &self,
        accounts: Vec<ImportedAccount>,
    ) -> Result<Vec<ImportResult>, AccountError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let change = self.accounts.change(ClientInfo::default(), None)?;
        let (store, mode) = (self.accounts.store(), self.options.mode);
        let done = store.import_accounts(accounts, mode, &self.rules, &change).await?;
        Ok(self.accounts.publish(done))
    }

    async fn outcome(&self, result: ImportResult) -> Result<ImportOutcome, AccountError> {
        Ok(match result {
            ImportResult::Created => ImportOutcome::Created,
            ImportResult::Unchanged => ImportOutcome::Unchanged,
            ImportResult::Differs(account) if self.was_imported(account.id).await? => {
                ImportOutcome::Changed
            }
            ImportResult::Differs(_) | ImportResult::UserNameTaken => {
                ImportOutcome::Rejected(ImportError::UserNameTaken)
            }
            ImportResult::Roles(_) => ImportOutcome::Rejected(ImportError::UnknownRole),
        })
    }

    /// Returns whether an import created the account. The record may be detached from the log; then
    /// this is unknown.
    async fn was_imported(&self, id: UserId) -> Result<bool, AccountError> {
        let kind = Some(EventKind::UserCreated);
        let query = AuditQuery { kind, user_id: Some(id), limit: 1, ..AuditQuery::default() };
        let records = self.accounts.audit(&query).await?;
        let reason = records.first().and_then(|record| record.reason.as_deref());
        Ok(reason.is_some_and(Reason::is_import))
    }
}
