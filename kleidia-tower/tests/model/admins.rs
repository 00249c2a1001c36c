//! What admins do, and what happens by itself; and a look at all that can be seen.

use std::collections::BTreeSet;

use kleidia_tower::account::{
    AccountLookup, AccountUpdate, NewAccount, PasswordChange, StoredPassword,
};
use kleidia_tower::session::{EndReason, SessionLookup, SessionSelector};
use kleidia_tower::store::{Retention, StoreError};

use crate::operation::canonical;
use crate::oracle::{HISTORY, RETENTION};
use crate::service::{hash, span, time};
use crate::trial::{Doer, Judged, Trial, same};

/// The store should not fail at all.
fn ok<T>(answer: Result<T, StoreError>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

impl Trial {
    pub(crate) async fn create(&mut self, name: &str, role: &'static str, doer: Doer) -> Judged {
        let new = NewAccount {
            name: name.parse().unwrap(),
            roles: [role.parse().unwrap()].into(),
            password: hash(self.oracle.users.len(), 0),
        };
        let created = self.service.store.create_account(new, &self.change(doer)).await;
        let created = ok(created)?.value;
        let (is_created, events) = self.oracle.create(canonical(name), role);
        same("whether an account is created", &created.is_some(), &is_created)?;
        if let Some(account) = created {
            if self.user_ids.contains(&account.id) {
                return Err(format!("account {} is no new number", account.id));
            }
            self.user_ids.push(account.id);
            same("an account", &*account, &self.account(self.user_ids.len() - 1))?;
        }
        self.recorded(events, doer).await
    }

    pub(crate) async fn update(
        &mut self,
        user: usize,
        is_disabled: Option<bool>,
        roles: Option<BTreeSet<&'static str>>,
        doer: Doer,
    ) -> Judged {
        let parsed =
            roles.as_ref().map(|roles| roles.iter().map(|role| role.parse().unwrap()).collect());
        let update = AccountUpdate { is_disabled, roles: parsed };
        let (id, change) = (self.user_ids[user], self.change(doer));
        let updated = self.service.store.update_account(id, update, &change).await;
        let updated = ok(updated)?.value.ok_or("there is no such account")?;
        let events = self.oracle.update(user, is_disabled, roles);
        same("an account", &*updated, &self.account(user))?;
        self.recorded(events, doer).await
    }

    pub(crate) async fn end_by_admin(&mut self, user: usize, doer: Doer) -> Judged {
        let which = SessionSelector::All { user: self.user_ids[user] };
        let (reason, change) = (EndReason::RevokedByAdmin, self.change(doer));
        let mut expected: Vec<_> = self.oracle.active_of(user);
        let ended = self.service.store.end_sessions(which, reason, &change).await;
        let mut ended = ok(ended)?.value;
        ended.sort_unstable();
        expected.reverse();
        let expected = expected.into_iter().map(|session| self.session_ids[session]).collect();
        same("which sessions end", &ended, &expected)?;
        let events = self.oracle.end_every(user, "revoked-by-admin");
        self.recorded(events, doer).await
    }

    pub(crate) async fn change_password(
        &mut self,
        user: usize,
        is_stale: bool,
        kept: Option<usize>,
        doer: Doer,
    ) -> Judged {
        let expected = if is_stale { u32::MAX } else { self.oracle.users[user].password };
        let new = self.new_password();
        let change = PasswordChange {
            user: self.user_ids[user],
            expected_hash: hash(user, expected),
            new: hash(user, new),
            history: HISTORY,
            kept_session: kept.map(|kept| self.session_ids[kept]),
        };
        let changed = self.service.store.change_password(change, &self.change(doer)).await;
        let changed = ok(changed)?.value;
        let (is_changed, events) = self.oracle.change_password(user, expected, new, kept);
        same("whether a password is changed", &changed, &is_changed)?;
        self.recorded(events, doer).await
    }

    pub(crate) async fn touch(&mut self, session: usize) -> Judged {
        let (id, now) = (self.session_ids[session], self.oracle.now);
        ok(self.service.store.touch(id, time(now)).await)?;
        let session = &mut self.oracle.sessions[session];
        session.seen = session.seen.max(now);
        self.recorded(vec![], Doer { client: 0, actor: None }).await
    }

    /// In batches, until there is nothing left to forget.
    pub(crate) async fn purge(&mut self, limit: usize) -> Judged {
        let retention = Retention::default().with_sessions(span(RETENTION));
        let now = self.oracle.now;
        while ok(self.service.store.purge(time(now), &retention, limit).await)? >= limit {}
        for (session, may, must) in self.oracle.purge() {
            let key = SessionLookup::Id(self.session_ids[session]);
            let is_gone = ok(self.service.store.session(key).await)?.is_none();
            if (is_gone && !may) || (!is_gone && must) {
                let kept = &self.oracle.sessions[session];
                return Err(format!("is {kept:?} forgotten at {now}? {is_gone}"));
            }
            self.oracle.sessions[session].is_gone = is_gone;
        }
        self.recorded(vec![], Doer { client: 0, actor: None }).await
    }

    /// All accounts and their sessions, and some of the sessions that were.
    pub(crate) async fn look(&mut self) -> Judged {
        let store = self.service.store.clone();
        let accounts = ok(store.accounts(None, usize::MAX).await)?;
        let mut expected: Vec<_> =
            (0..self.user_ids.len()).map(|user| self.account(user)).collect();
        expected.sort_by_key(|account| account.id);
        let accounts: Vec<_> = accounts.iter().map(|account| (**account).clone()).collect();
        same("the accounts", &accounts, &expected)?;
        for user in 0..self.user_ids.len() {
            let key = AccountLookup::Id(self.user_ids[user]);
            let found = ok(store.account_with_password(key).await)?;
            let of = &self.oracle.users[user];
            let previous = of.previous.iter().map(|password| hash(user, *password)).collect();
            let password = StoredPassword { current: hash(user, of.password), previous };
            same("a password", &found.map(|(_, password)| password), &Some(password))?;
            let sessions = self.service.accounts.sessions(self.user_ids[user]).await;
            let sessions = sessions.map_err(|error| error.to_string())?;
            let sessions: Vec<_> = sessions.iter().map(|session| (**session).clone()).collect();
            let expected = self.oracle.active_of(user);
            let expected = expected.into_iter().map(|session| self.session(session)).collect();
            same("the sessions of a user", &sessions, &expected)?;
        }
        for _ in 0..20.min(self.session_ids.len()) {
            let session = self.random.usize(..self.session_ids.len());
            let is_gone = self.oracle.sessions[session].is_gone;
            let expected = (!is_gone).then(|| self.view(session));
            let by_token = self.session_digest(session).map(SessionLookup::Token);
            let by_id = SessionLookup::Id(self.session_ids[session]);
            for key in [Some(by_id), by_token].into_iter().flatten() {
                let found = ok(store.session(key).await)?;
                same("a session", &found, &expected)?;
            }
        }
        Ok(())
    }
}
