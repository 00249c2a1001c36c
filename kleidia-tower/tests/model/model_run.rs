//! Applies operations to a service and to the oracle, and compares their results.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use fastrand::Rng;
use kleidia_tower::audit::{AuditIdentity, AuditQuery, AuditRecord, Checkpoint};
use kleidia_tower::session::{AuthMethods, SessionEnd, SessionView};
use kleidia_tower::store::{ChangeContext, Store};
use kleidia_tower::{FamilyId, Rejection, SessionId, UserId};

use crate::operation::{Operation, random_operation};
use crate::oracle::{Event, Oracle};
use crate::service::{Service, client, timestamp};

const START: i64 = 1_795_370_580;

/// The error describes the first difference.
pub(crate) type Comparison = Result<(), String>;

pub(crate) struct ModelRun {
    pub(crate) random: Rng,
    pub(crate) oracle: Oracle,
    pub(crate) service: Service,
    /// The largest number of a record, and how many there are.
    pub(crate) last_record: u64,
    pub(crate) records: u64,
    /// The store's IDs, by the oracle's numbers.
    pub(crate) user_ids: Vec<UserId>,
    pub(crate) session_ids: Vec<SessionId>,
    pub(crate) family_ids: Vec<FamilyId>,
    /// The texts of tokens, by the oracle's numbers; empty if no client received one.
    pub(crate) session_tokens: Vec<String>,
    pub(crate) refresh_tokens: Vec<String>,
    pub(crate) access_tokens: Vec<AccessToken>,
    pub(crate) passwords: u32,
    /// How often each outcome occurred.
    outcomes: BTreeMap<String, u64>,
}

/// Outcomes that a run of sufficient length must include.
const REQUIRED_OUTCOMES: [&str; 27] = [
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
    "session.ended success 1 expired session: logout",
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

/// The client and the actor of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) client: usize,
    pub(crate) actor: Option<usize>,
}

pub(crate) fn check_equal<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Comparison {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}\n   found: {found:?}\nexpected: {expected:?}"))
}

/// Returns `ok` or the code of the rejection.
pub(crate) fn code<T, E: Clone + Into<Rejection>>(result: &Result<T, E>) -> &'static str {
    result.as_ref().map_or_else(|error| error.clone().into().code(), |_| "ok")
}

impl ModelRun {
    pub(crate) fn new(store: Arc<dyn Store>, seed: u64) -> Self {
        let oracle = Oracle { now: START, ..Oracle::default() };
        let service = Service::new(store);
        service.set_clock(oracle.now);
        Self {
            random: Rng::with_seed(seed),
            oracle,
            service,
            last_record: 0,
            records: 0,
            user_ids: Vec::new(),
            session_ids: Vec::new(),
            family_ids: Vec::new(),
            session_tokens: Vec::new(),
            refresh_tokens: Vec::new(),
            access_tokens: Vec::new(),
            passwords: 0,
            outcomes: BTreeMap::new(),
        }
    }

    pub(crate) fn next_operation(&mut self) -> Operation {
        random_operation(&mut self.random, &self.oracle, self.access_tokens.len())
    }

    pub(crate) async fn apply(&mut self, operation: &Operation) -> Comparison {
        let context = Context { client: self.random.usize(..4), actor: None };
        match operation.clone() {
            Operation::Create { name, role, actor } => {
                self.create(name, role, Context { actor, ..context }).await
            }
            Operation::LogIn { user, is_stale, rehashes } => {
                self.log_in(user, is_stale, rehashes, context).await
            }
            Operation::Refresh { token, has_grace } => {
                self.refresh(token, has_grace, context).await
            }
            Operation::LogOut { session } => self.log_out(session, context).await,
            Operation::EndSession { by, session } => self.end(by, session, context).await,
            Operation::LogOutEverywhere { session } => {
                self.log_out_everywhere(session, context).await
            }
            Operation::EndByAdmin { user, actor } => {
                self.end_by_admin(user, Context { actor: Some(actor), ..context }).await
            }
            Operation::Update { user, disable, roles, actor } => {
                self.update(user, disable, roles, Context { actor: Some(actor), ..context }).await
            }
            Operation::ChangePassword { user, is_stale, kept } => {
                self.change_password(user, is_stale, kept, context).await
            }
            Operation::RegisterAgent { by, session } => self.register(by, session, context).await,
            Operation::Call { access_token } => self.call(access_token).await,
            Operation::CallWithSessionToken { session } => {
                self.call_with_session_token(session).await
            }
            Operation::Touch { session } => self.touch(session).await,
            Operation::RotateKeys => {
                self.service.rotate_keys();
                Ok(())
            }
            Operation::Purge { limit } => self.purge(limit).await,
            Operation::AdvanceClock { seconds } => {
                self.oracle.now += seconds;
                self.service.set_clock(self.oracle.now);
                Ok(())
            }
            Operation::CompareState => self.compare_state().await,
        }
    }

    /// Compares the final state, and verifies the audit log.
    pub(crate) async fn finish(&mut self) -> Comparison {
        self.compare_state().await?;
        let store = &self.service.store;
        let sealed = store.seal().await.map_err(|error| error.to_string())?;
        let verification = store.verify(None).await.map_err(|error| error.to_string())?;
        check_equal("the faults of the audit log", &verification.faults(), &[].as_slice())?;
        let size = sealed.as_ref().map_or(0, Checkpoint::size);
        check_equal("the size of the audit log", &size, &self.records)
    }

    pub(crate) fn count_outcome(&mut self, what: &str) {
        *self.outcomes.entry(what.to_owned()).or_default() += 1;
    }

    /// Returns the required outcomes that occurred less often than this.
    pub(crate) fn rare_outcomes(&self, min: u64) -> Vec<(&'static str, u64)> {
        let times = |what: &&'static str| (*what, self.outcomes.get(*what).copied().unwrap_or(0));
        REQUIRED_OUTCOMES.iter().map(times).filter(|(_, times)| *times < min).collect()
    }

    pub(crate) fn change_context(&self, context: Context) -> ChangeContext {
        let actor = context.actor.map(|actor| self.audit_identity(actor));
        ChangeContext { at: timestamp(self.oracle.now), client: client(context.client), actor }
    }

    fn audit_identity(&self, user: usize) -> AuditIdentity {
        AuditIdentity { id: Some(self.user_ids[user]), name: self.oracle.users[user].name.clone() }
    }

    /// Checks that the log continues with exactly these events, in any order.
    pub(crate) async fn check_events(
        &mut self,
        expected: Vec<Event>,
        context: Context,
    ) -> Comparison {
        let limit = expected.len() + 1;
        let query = AuditQuery { limit, ..AuditQuery::default() };
        let new_records =
            self.service.store.records(&query).await.map_err(|error| error.to_string())?;
        let mut new_records: Vec<_> =
            new_records.into_iter().filter(|record| record.sequence > self.last_record).collect();
        new_records.reverse();
        self.records += new_records.len() as u64;
        self.last_record = new_records.last().map_or(self.last_record, |record| record.sequence);
        let change = self.change_context(context);
        let common = |record: &AuditRecord| {
            (record.at, record.client.clone(), record.actor.clone())
                == (change.at, change.client.clone(), change.actor.clone())
        };
        if let Some(record) = new_records.iter().find(|record| !common(record)) {
            return Err(format!("{record:?} does not match {change:?}"));
        }
        for event in &expected {
            // These reasons contain roles, of which there are many combinations.
            let has_roles = ["role.changed", "user.created"].contains(&event.what);
            let reason = event.reason.as_deref().filter(|_| !has_roles);
            let what = [event.what, event.outcome, reason.unwrap_or_default()].join(" ");
            self.count_outcome(what.trim_end());
        }
        let mut expected: Vec<_> =
            expected.into_iter().map(|event| self.describe_event(&event)).collect();
        let mut found: Vec<_> = new_records.iter().map(describe_record).collect();
        found.sort();
        expected.sort();
        check_equal("the new events", &found, &expected)
    }

    fn describe_event(&self, event: &Event) -> String {
        let session = event.session.map(|session| self.session_ids[session]);
        let user = Some(self.audit_identity(event.user));
        let (what, outcome, reason) = (event.what, event.outcome, event.reason.as_deref());
        format!("{what} {outcome} {user:?} {session:?} {reason:?}")
    }

    /// Returns the expected session.
    pub(crate) fn session(&self, number: usize) -> kleidia_tower::session::Session {
        let session = &self.oracle.sessions[number];
        let reason = |name| kleidia_tower::session::EndReason::from_name(name).unwrap();
        kleidia_tower::session::Session {
            id: self.session_ids[number],
            user: self.user_ids[session.user],
            family: self.family_ids[session.family],
            client: client(session.client),
            created_at: timestamp(session.created),
            authenticated_at: timestamp(session.authenticated),
            methods: AuthMethods::password(),
            last_seen_at: timestamp(session.last_seen),
            expires_at: timestamp(session.expires),
            end: session
                .end
                .map(|(at, name)| SessionEnd { at: timestamp(at), reason: reason(name) }),
            agent_key: session.agent.clone(),
        }
    }

    /// Returns the expected account.
    pub(crate) fn account(&self, number: usize) -> kleidia_tower::account::Account {
        let user = &self.oracle.users[number];
        kleidia_tower::account::Account {
            id: self.user_ids[number],
            name: user.name.parse().unwrap(),
            roles: user.roles.iter().map(|role| role.parse().unwrap()).collect(),
            is_disabled: user.is_disabled,
            must_change_password: false,
            is_erased: false,
            created_at: timestamp(user.created),
            password_changed_at: timestamp(user.password_changed),
        }
    }

    pub(crate) fn view(&self, session: usize) -> SessionView {
        SessionView {
            session: Arc::new(self.session(session)),
            account: Arc::new(self.account(self.oracle.sessions[session].user)),
        }
    }

    /// Stores the IDs of a new session, which must not be in use.
    pub(crate) fn record_session_ids(
        &mut self,
        number: usize,
        opened: &SessionView,
        token: String,
    ) -> Comparison {
        if number < self.session_ids.len() {
            return Ok(());
        }
        let session = &opened.session;
        if self.session_ids.iter().any(|id| *id >= session.id) {
            return Err(format!("session ID {} is not new", session.id));
        }
        self.session_ids.push(session.id);
        self.session_tokens.push(token);
        if self.oracle.sessions[number].family == self.family_ids.len() {
            if self.family_ids.contains(&session.family) {
                return Err(format!("family ID {} is not new", session.family));
            }
            self.family_ids.push(session.family);
        }
        Ok(())
    }
}

fn describe_record(record: &AuditRecord) -> String {
    let AuditRecord { kind, outcome, user, session, reason, .. } = record;
    format!("{kind} {outcome} {user:?} {session:?} {:?}", reason.as_deref())
}
