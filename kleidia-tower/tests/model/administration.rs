//! Operations of admins and of the store, and a comparison of the whole state.

use std::collections::BTreeSet;

use kleidia_tower::account::{
    AccountChangeError, AccountLookup, AccountUpdate, NewAccount, PasswordChange, StoredPassword,
};
use kleidia_tower::rbac::{Policy, RoleChangeError, RoleRules};
use kleidia_tower::session::{EndReason, SessionLookup, SessionSelector};
use kleidia_tower::store::{Retention, StoreError};

use crate::model_run::{Comparison, Context, ModelRun, check_equal};
use crate::operation::canonical;
use crate::oracle::{HISTORY, RETENTION};
use crate::service::{duration, hash, timestamp};

/// The rules for changes without a principal. The policy has all roles of the model.
fn operator() -> RoleRules {
    RoleRules::for_operator(Policy::default().with_role("auditor".parse().unwrap(), []))
}

/// The store must not fail.
fn ok<T>(result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl ModelRun {
    pub(crate) async fn create(
        &mut self,
        name: &str,
        role: &'static str,
        context: Context,
    ) -> Comparison {
        let password = hash(self.oracle.users.len(), 0);
        let new = NewAccount::new(name.parse().unwrap(), [role.parse().unwrap()].into(), password);
        let created = self
            .service
            .store
            .create_account(new, &operator(), &self.change_context(context))
            .await;
        let created = ok(created)?.value;
        let (is_created, events) = self.oracle.create(canonical(name), role);
        check_equal("whether an account is created", &created.is_ok(), &is_created)?;
        if let Ok(account) = created {
            if self.user_ids.contains(&account.id) {
                return Err(format!("account ID {} is not new", account.id));
            }
            self.user_ids.push(account.id);
            check_equal("an account", &*account, &self.account(self.user_ids.len() - 1))?;
        }
        self.check_events(events, context).await
    }

    pub(crate) async fn update(
        &mut self,
        user: usize,
        is_disabled: Option<bool>,
        roles: Option<BTreeSet<&'static str>>,
        context: Context,
    ) -> Comparison {
        let parsed =
            roles.as_ref().map(|roles| roles.iter().map(|role| role.parse().unwrap()).collect());
        let update = AccountUpdate { is_disabled, roles: parsed };
        let (id, change) = (self.user_ids[user], self.change_context(context));
        let updated = self.service.store.update_account(id, update, &operator(), &change).await;
        let updated = ok(updated)?.value;
        let Some(events) = self.oracle.update(user, is_disabled, roles) else {
            let last = Err(AccountChangeError::Roles(RoleChangeError::LastAdmin));
            check_equal("a change of the last admin", &updated, &last)?;
            return self.check_events(vec![], context).await;
        };
        let updated = updated.map_err(|error| error.to_string())?;
        check_equal("an account", &*updated, &self.account(user))?;
        self.check_events(events, context).await
    }

    pub(crate) async fn end_by_admin(&mut self, user: usize, context: Context) -> Comparison {
        let which = SessionSelector::All { user: self.user_ids[user] };
        let (reason, change) = (EndReason::RevokedByAdmin, self.change_context(context));
        let mut expected: Vec<_> = self.oracle.active_of(user);
        let ended = self.service.store.end_sessions(which, reason, &change).await;
        let mut ended = ok(ended)?.value;
        ended.sort_unstable();
        expected.reverse();
        let expected = expected.into_iter().map(|session| self.session_ids[session]).collect();
        check_equal("which sessions end", &ended, &expected)?;
        let events = self.oracle.end_all_of_user(user, "revoked-by-admin");
        self.check_events(events, context).await
    }

    pub(crate) async fn change_password(
        &mut self,
        user: usize,
        is_stale: bool,
        kept: Option<usize>,
        context: Context,
    ) -> Comparison {
        let expected = if is_stale { u32::MAX } else { self.oracle.users[user].password };
        let new = self.new_password();
        let change = PasswordChange {
            user: self.user_ids[user],
            expected_hash: hash(user, expected),
            new: hash(user, new),
            history: HISTORY,
            kept_session: kept.map(|kept| self.session_ids[kept]),
        };
        let changed =
            self.service.store.change_password(change, &self.change_context(context)).await;
        let changed = ok(changed)?.value;
        let (is_changed, events) = self.oracle.change_password(user, expected, new, kept);
        check_equal("whether a password is changed", &changed, &is_changed)?;
        self.check_events(events, context).await
    }

    pub(crate) async fn touch(&mut self, session: usize) -> Comparison {
        let (id, now) = (self.session_ids[session], self.oracle.now);
        ok(self.service.store.touch(&[(id, timestamp(now))]).await)?;
        let session = &mut self.oracle.sessions[session];
        session.last_seen = session.last_seen.max(now);
        self.check_events(vec![], Context { client: 0, actor: None }).await
    }

    /// Purges in batches until no expired row is left.
    pub(crate) async fn purge(&mut self, limit: usize) -> Comparison {
        let retention = Retention::default().with_sessions(duration(RETENTION));
        let now = self.oracle.now;
        while ok(self.service.store.purge(timestamp(now), &retention, limit).await)? >= limit {}
        for (session, may, must) in self.oracle.purge() {
            let key = SessionLookup::Id(self.session_ids[session]);
            let is_purged = ok(self.service.store.session(key).await)?.is_none();
            if (is_purged && !may) || (!is_purged && must) {
                let kept = &self.oracle.sessions[session];
                return Err(format!(
                    "{kept:?} at {now}: purged {is_purged}, allowed {may}, required {must}"
                ));
            }
            self.oracle.sessions[session].is_purged = is_purged;
        }
        self.check_events(vec![], Context { client: 0, actor: None }).await
    }

    /// Compares all accounts and their sessions, and a sample of ended sessions.
    pub(crate) async fn compare_state(&mut self) -> Comparison {
        let store = self.service.store.clone();
        let accounts = ok(store.accounts(None, usize::MAX).await)?;
        let mut expected: Vec<_> =
            (0..self.user_ids.len()).map(|user| self.account(user)).collect();
        expected.sort_by_key(|account| account.id);
        let accounts: Vec<_> = accounts.iter().map(|account| (**account).clone()).collect();
        check_equal("the accounts", &accounts, &expected)?;
        for user in 0..self.user_ids.len() {
            let key = AccountLookup::Id(self.user_ids[user]);
            let found = ok(store.account_with_password(key).await)?;
            let expected = &self.oracle.users[user];
            let previous = expected.previous.iter().map(|password| hash(user, *password)).collect();
            let password = StoredPassword { current: hash(user, expected.password), previous };
            check_equal("a password", &found.map(|(_, password)| password), &Some(password))?;
            let sessions = self.service.accounts.sessions(self.user_ids[user]).await;
            let sessions = sessions.map_err(|error| error.to_string())?;
            let sessions: Vec<_> = sessions.iter().map(|session| (**session).clone()).collect();
            let expected = self.oracle.active_of(user);
            let expected = expected.into_iter().map(|session| self.session(session)).collect();
            check_equal("the sessions of a user", &sessions, &expected)?;
        }
        for _ in 0..20.min(self.session_ids.len()) {
            let session = self.random.usize(..self.session_ids.len());
            let is_purged = self.oracle.sessions[session].is_purged;
            let expected = (!is_purged).then(|| self.view(session));
            let by_token = self.session_digest(session).map(SessionLookup::Token);
            let by_id = SessionLookup::Id(self.session_ids[session]);
            for key in [Some(by_id), by_token].into_iter().flatten() {
                let found = ok(store.session(key).await)?;
                check_equal("a session", &found, &expected)?;
            }
        }
        Ok(())
    }
}
