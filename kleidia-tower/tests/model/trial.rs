//! A service and the oracle, asked the same; whatever they tell must be the same.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use fastrand::Rng;
use kleidia_tower::audit::{AuditIdentity, AuditQuery, AuditRecord, ChainCheck, ChainHead};
use kleidia_tower::session::{SessionEnd, SessionView};
use kleidia_tower::store::{ChangeContext, Store};
use kleidia_tower::{FamilyId, Rejection, SessionId, UserId};

use crate::operation::{Operation, next};
use crate::oracle::{Event, Oracle};
use crate::service::{Service, client, time};

const BEGINNING: i64 = 1_795_370_580;

/// What differs, in words.
pub(crate) type Judged = Result<(), String>;

pub(crate) struct Trial {
    pub(crate) random: Rng,
    pub(crate) oracle: Oracle,
    pub(crate) service: Service,
    pub(crate) head: ChainHead,
    /// The store's numbers, by the oracle's.
    pub(crate) user_ids: Vec<UserId>,
    pub(crate) session_ids: Vec<SessionId>,
    pub(crate) family_ids: Vec<FamilyId>,
    /// The texts of tokens, by the oracle's numbers; those that nobody was told are empty.
    pub(crate) session_tokens: Vec<String>,
    pub(crate) refresh_tokens: Vec<String>,
    pub(crate) access_tokens: Vec<AccessToken>,
    pub(crate) passwords: u32,
    /// How often each thing was seen.
    seen: BTreeMap<String, u32>,
}

/// What has to be seen, or little was tried.
const TO_SEE: [&str; 26] = [
    "account_disabled",
    "agent.registered success",
    "login.failure failure account-disabled",
    "login.failure failure password-changed",
    "login.success success",
    "logout success",
    "ok",
    "password.changed success",
    "refresh_invalid",
    "refresh_reused",
    "role.changed success",
    "session.created success",
    "session.created success session-expired",
    "session.ended success disabled",
    "session.ended success logout",
    "session.ended success password-changed",
    "session.ended success reuse",
    "session.ended success revoked",
    "session.ended success revoked-by-admin",
    "session_expired",
    "token.refresh failure account-disabled",
    "token.refresh success",
    "token.refresh success retry",
    "token.reuse failure",
    "token_expired",
    "token_invalid",
];

pub(crate) struct AccessToken {
    pub(crate) text: String,
    pub(crate) session: usize,
    pub(crate) expires: i64,
    pub(crate) key: String,
}

/// Who does something, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Doer {
    pub(crate) client: usize,
    pub(crate) actor: Option<usize>,
}

pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Judged {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}\n   found: {found:?}\nexpected: {expected:?}"))
}

/// The code of an answer.
pub(crate) fn code<T, E: Clone + Into<Rejection>>(answer: &Result<T, E>) -> &'static str {
    answer.as_ref().map_or_else(|error| error.clone().into().code(), |_| "ok")
}

impl Trial {
    pub(crate) fn new(store: Arc<dyn Store>, seed: u64) -> Self {
        let oracle = Oracle { now: BEGINNING, ..Oracle::default() };
        let service = Service::new(store);
        service.set_clock(oracle.now);
        Self {
            random: Rng::with_seed(seed),
            oracle,
            service,
            head: ChainHead::default(),
            user_ids: Vec::new(),
            session_ids: Vec::new(),
            family_ids: Vec::new(),
            session_tokens: Vec::new(),
            refresh_tokens: Vec::new(),
            access_tokens: Vec::new(),
            passwords: 0,
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn next(&mut self) -> Operation {
        next(&mut self.random, &self.oracle, self.access_tokens.len())
    }

    pub(crate) async fn play(&mut self, operation: &Operation) -> Judged {
        let doer = Doer { client: self.random.usize(..4), actor: None };
        match operation.clone() {
            Operation::Create { name, role, actor } => {
                self.create(name, role, Doer { actor, ..doer }).await
            }
            Operation::LoginRequest { user, is_stale, rehashes } => {
                self.log_in(user, is_stale, rehashes, doer).await
            }
            Operation::Refresh { token, has_grace } => self.refresh(token, has_grace, doer).await,
            Operation::LogOut { session } => self.log_out(session, doer).await,
            Operation::End { by, session } => self.end(by, session, doer).await,
            Operation::LogOutEverywhere { session } => self.log_out_everywhere(session, doer).await,
            Operation::EndByAdmin { user, actor } => {
                self.end_by_admin(user, Doer { actor: Some(actor), ..doer }).await
            }
            Operation::Update { user, disable, roles, actor } => {
                self.update(user, disable, roles, Doer { actor: Some(actor), ..doer }).await
            }
            Operation::ChangePassword { user, is_stale, kept } => {
                self.change_password(user, is_stale, kept, doer).await
            }
            Operation::Register { by, session } => self.register(by, session, doer).await,
            Operation::Call { access_token } => self.call(access_token).await,
            Operation::CallWithSessionToken { session } => self.call_with(session).await,
            Operation::Touch { session } => self.touch(session).await,
            Operation::RotateKeys => {
                self.service.rotate_keys();
                Ok(())
            }
            Operation::Purge { limit } => self.purge(limit).await,
            Operation::Pass { seconds } => {
                self.oracle.now += seconds;
                self.service.set_clock(self.oracle.now);
                Ok(())
            }
            Operation::Look => self.look().await,
        }
    }

    /// All is as the oracle says, and the log was never touched.
    pub(crate) async fn close(&mut self) -> Judged {
        self.look().await?;
        let check = self.service.store.verify_chain(ChainHead::default()).await;
        let check = check.map_err(|error| error.to_string())?;
        same("the chain of the audit log", &check, &ChainCheck::Intact(self.head))
    }

    pub(crate) fn saw(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    /// What was hardly ever seen: a model that tries little finds nothing.
    pub(crate) fn unseen(&self) -> Vec<(&'static str, u32)> {
        let times = |what: &&'static str| (*what, self.seen.get(*what).copied().unwrap_or(0));
        TO_SEE.iter().map(times).filter(|(_, times)| *times < 10).collect()
    }

    pub(crate) fn change(&self, doer: Doer) -> ChangeContext {
        let actor = doer.actor.map(|actor| self.party(actor));
        ChangeContext { at: time(self.oracle.now), client: client(doer.client), actor }
    }

    fn party(&self, user: usize) -> AuditIdentity {
        AuditIdentity { id: Some(self.user_ids[user]), name: self.oracle.users[user].name.clone() }
    }

    /// The log goes on with exactly these, in any order.
    pub(crate) async fn recorded(&mut self, expected: Vec<Event>, doer: Doer) -> Judged {
        let limit = expected.len() + 1;
        let query = AuditQuery { limit, ..AuditQuery::default() };
        let news = self.service.store.records(&query).await.map_err(|error| error.to_string())?;
        let mut news: Vec<_> =
            news.into_iter().filter(|record| record.sequence > self.head.sequence).collect();
        news.reverse();
        for record in &news {
            let head =
                self.head.verify_next(record).ok_or(format!("{record:?} does not follow"))?;
            self.head = head;
        }
        let change = self.change(doer);
        let common = |record: &AuditRecord| {
            (record.at, record.client.clone(), record.actor.clone())
                == (change.at, change.client.clone(), change.actor.clone())
        };
        if let Some(record) = news.iter().find(|record| !common(record)) {
            return Err(format!("{record:?} is not of {change:?}"));
        }
        for event in &expected {
            // Roles are of many kinds.
            let has_roles = ["role.changed", "user.created"].contains(&event.what);
            let reason = event.reason.as_deref().filter(|_| !has_roles);
            let what = [event.what, event.outcome, reason.unwrap_or_default()].join(" ");
            self.saw(what.trim_end());
        }
        let mut expected: Vec<_> = expected.into_iter().map(|event| self.words(&event)).collect();
        let mut found: Vec<_> = news.iter().map(words).collect();
        found.sort();
        expected.sort();
        same("what the log says", &found, &expected)
    }

    fn words(&self, event: &Event) -> String {
        let session = event.session.map(|session| self.session_ids[session]);
        let user = Some(self.party(event.user));
        let (what, outcome, reason) = (event.what, event.outcome, event.reason.as_deref());
        format!("{what} {outcome} {user:?} {session:?} {reason:?}")
    }

    /// The session as the store must have it.
    pub(crate) fn session(&self, number: usize) -> kleidia_tower::session::Session {
        let session = &self.oracle.sessions[number];
        let reason = |name| kleidia_tower::session::EndReason::from_name(name).unwrap();
        kleidia_tower::session::Session {
            id: self.session_ids[number],
            user: self.user_ids[session.user],
            family: self.family_ids[session.family],
            client: client(session.client),
            created_at: time(session.created),
            authenticated_at: time(session.authenticated),
            last_seen_at: time(session.seen),
            expires_at: time(session.expires),
            end: session.end.map(|(at, name)| SessionEnd { at: time(at), reason: reason(name) }),
            agent_key: session.agent.clone(),
        }
    }

    /// The account as the store must have it.
    pub(crate) fn account(&self, number: usize) -> kleidia_tower::account::Account {
        let user = &self.oracle.users[number];
        kleidia_tower::account::Account {
            id: self.user_ids[number],
            name: user.name.parse().unwrap(),
            roles: user.roles.iter().map(|role| role.parse().unwrap()).collect(),
            is_disabled: user.is_disabled,
            created_at: time(user.created),
            password_changed_at: time(user.password_changed),
        }
    }

    pub(crate) fn view(&self, session: usize) -> SessionView {
        SessionView {
            session: Arc::new(self.session(session)),
            account: Arc::new(self.account(self.oracle.sessions[session].user)),
        }
    }

    /// Takes the store's numbers of a session that it has opened: nobody had them before.
    pub(crate) fn adopt(&mut self, number: usize, opened: &SessionView, token: String) -> Judged {
        if number < self.session_ids.len() {
            return Ok(());
        }
        let session = &opened.session;
        if self.session_ids.iter().any(|id| *id >= session.id) {
            return Err(format!("session {} is no new number", session.id));
        }
        self.session_ids.push(session.id);
        self.session_tokens.push(token);
        if self.oracle.sessions[number].family == self.family_ids.len() {
            if self.family_ids.contains(&session.family) {
                return Err(format!("family {} is no new number", session.family));
            }
            self.family_ids.push(session.family);
        }
        Ok(())
    }
}

fn words(record: &AuditRecord) -> String {
    let AuditRecord { kind, outcome, user, session, reason, .. } = record;
    format!("{kind} {outcome} {user:?} {session:?} {:?}", reason.as_deref())
}
