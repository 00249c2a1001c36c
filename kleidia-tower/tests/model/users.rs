//! Operations of users: login, refresh, authenticated calls, and logout.

use kleidia_tower::account::TokenSet;
use kleidia_tower::lockout::{Evidence, LockoutPolicy, LoginAttempt, LoginSource};
use kleidia_tower::session::{NewSession, OpenOutcome, SessionView};
use secrecy::{ExposeSecret, SecretString};

use crate::model_run::{AccessToken, Comparison, Context, ModelRun, check_equal, code};
use crate::operation::Presented;
use crate::oracle::{ACCESS, Login, REFRESH, Refresh, SESSION};
use crate::service::{OpaqueToken, client, digest_of, duration, hash, timestamp};

/// A password that no account has.
const STALE: u32 = u32::MAX;

impl ModelRun {
    pub(crate) async fn log_in(
        &mut self,
        user: usize,
        is_stale: bool,
        is_rehashed: bool,
        context: Context,
    ) -> Comparison {
        let password = if is_stale { STALE } else { self.oracle.users[user].password };
        let rehashed = is_rehashed.then(|| self.new_password());
        let token = OpaqueToken::generate(&mut self.random);
        let refresh_token = OpaqueToken::generate(&mut self.random);
        let (now, name) = (self.oracle.now, self.account(user).name);
        let source = LoginSource::new(client(context.client).address);
        let new = NewSession {
            user: self.user_ids[user],
            expected_hash: hash(user, password),
            rehashed: rehashed.map(|password| hash(user, password)),
            token: token.digest,
            refresh_token: refresh_token.digest,
            expires_at: timestamp(now + SESSION),
            refresh_expires_at: timestamp(now + REFRESH),
            attempt: LoginAttempt { name, source, evidence: Evidence::None },
            device: OpaqueToken::generate(&mut self.random).digest,
            lockout: LockoutPolicy::default(),
            max_sessions: usize::MAX,
        };
        let opened = self.service.store.open_session(new, &self.change_context(context)).await;
        let opened = opened.map_err(|error| error.to_string())?.value;
        let (login, events) = self.oracle.log_in(user, password, rehashed, context.client);
        match (login, opened) {
            (Login::LoggedIn(session), OpenOutcome::Opened { session: view, .. }) => {
                self.record_session_ids(session, &view, token.text)?;
                check_equal("the session of a login", &view, &self.view(session))?;
                self.refresh_tokens.push(refresh_token.text);
                let expires = now + ACCESS;
                let text = self.service.issue_access_token(&view, now, expires).await;
                let key = self.service.signing_key();
                self.access_tokens.push(AccessToken { text, session, expires, key });
            }
            (Login::AccountDisabled, OpenOutcome::AccountDisabled)
            | (Login::PasswordChanged, OpenOutcome::PasswordChanged) => {}
            (login, opened) => return Err(format!("{opened:?}, not {login:?}")),
        }
        self.check_events(events, context).await
    }

    pub(crate) fn new_password(&mut self) -> u32 {
        self.passwords += 1;
        self.passwords
    }

    pub(crate) async fn refresh(
        &mut self,
        presented: Presented,
        has_grace: bool,
        context: Context,
    ) -> Comparison {
        let (text, token) = match presented {
            Presented::Token(token) => (self.refresh_tokens[token].clone(), Some(token)),
            Presented::SessionToken(session) => (self.session_tokens[session].clone(), None),
            Presented::AccessToken(token) => (self.access_tokens[token].text.clone(), None),
            Presented::Unknown => (OpaqueToken::generate(&mut self.random).text, None),
        };
        let accounts =
            if has_grace { &self.service.accounts } else { &self.service.accounts_without_grace };
        let result = accounts.refresh(&SecretString::from(text), client(context.client)).await;
        // Rejections are recorded in the background.
        accounts.flush().await;
        let grace = if has_grace { 10 } else { 0 };
        let (refresh, events) = self.oracle.refresh(token, grace, context.client);
        if let Refresh::Rejected(code) = refresh {
            self.count_outcome(code);
        }
        match (refresh, result) {
            (Refresh::Granted { session, token }, Ok(granted)) => {
                self.check_granted(session, token, &granted)?;
            }
            (Refresh::Rejected(expected), result) => {
                check_equal("a refresh", &code(&result), &expected)?;
            }
            (refresh, result) => return Err(format!("{result:?}, not {refresh:?}")),
        }
        self.check_events(events, context).await
    }

    fn check_granted(&mut self, session: usize, token: usize, granted: &TokenSet) -> Comparison {
        let session_token = granted.session_token.as_ref().map(ExposeSecret::expose_secret);
        let session_token = session_token.unwrap_or_default().to_owned();
        self.record_session_ids(session, &granted.session, session_token)?;
        check_equal("the session of a refresh", &granted.session, &self.view(session))?;
        let (now, text) = (self.oracle.now, granted.refresh_token.expose_secret());
        if token == self.refresh_tokens.len() {
            if self.refresh_tokens.iter().any(|other| other == text) {
                return Err("the successor is not new".to_owned());
            }
            self.refresh_tokens.push(text.to_owned());
        }
        check_equal("the successor", &text, &self.refresh_tokens[token].as_str())?;
        let rest = self.oracle.tokens[token].expires - now;
        check_equal(
            "the lifetime of a refresh token",
            &granted.refresh_expires_in,
            &duration(rest),
        )?;
        let expires = (now + ACCESS).min(self.oracle.sessions[session].expires);
        check_equal(
            "the lifetime of an access token",
            &granted.expires_in,
            &duration(expires - now),
        )?;
        let (text, key) = (granted.access_token.expose_secret(), self.service.signing_key());
        self.access_tokens.push(AccessToken { text: text.to_owned(), session, expires, key });
        Ok(())
    }

    /// The checks run in this order: signature, expiry, session, account.
    pub(crate) async fn call(&mut self, access_token: usize) -> Comparison {
        let token = &self.access_tokens[access_token];
        let result = self.service.authenticator.authenticate(&token.text).await;
        self.service.authenticator.flush().await;
        let session = token.session;
        let expected = if !self.service.accepts_key(&token.key) {
            "token_invalid"
        } else if self.oracle.now >= token.expires {
            "token_expired"
        } else {
            self.oracle.check_session(session)
        };
        self.check_authentication(session, result.as_ref().ok(), code(&result), expected).await
    }

    pub(crate) async fn call_with_session_token(&mut self, session: usize) -> Comparison {
        let token = &self.session_tokens[session];
        let result = self.service.authenticator.authenticate_session_token(token).await;
        self.service.authenticator.flush().await;
        let expected =
            if token.is_empty() { "session_expired" } else { self.oracle.check_session(session) };
        self.check_authentication(session, result.as_ref().ok(), code(&result), expected).await
    }

    async fn check_authentication(
        &mut self,
        session: usize,
        view: Option<&SessionView>,
        found: &'static str,
        expected: &'static str,
    ) -> Comparison {
        check_equal("a call", &found, &expected)?;
        self.count_outcome(found);
        if let Some(view) = view {
            check_equal("the session of a call", &view.session.id, &self.session_ids[session])?;
            let account = self.account(self.oracle.sessions[session].user);
            check_equal("the account of a call", &*view.account, &account)?;
        }
        self.check_events(vec![], Context { client: 0, actor: None }).await
    }

    pub(crate) async fn log_out(&mut self, session: usize, context: Context) -> Comparison {
        let view = self.view(session);
        let result = self.service.accounts.log_out(&view, client(context.client)).await;
        check_equal("a logout", &code(&result), &"ok")?;
        let user = self.oracle.sessions[session].user;
        let events = self.oracle.end_one(user, session, "logout");
        self.check_events(events, context).await
    }

    pub(crate) async fn end(&mut self, by: usize, session: usize, context: Context) -> Comparison {
        let (view, id) = (self.view(by), self.session_ids[session]);
        let result = self.service.accounts.end_session(&view, id, client(context.client)).await;
        let user = self.oracle.sessions[by].user;
        let entry = &self.oracle.sessions[session];
        // A refresh may have opened another session in the place of an expired one.
        let is_allowed = entry.user == user
            && !entry.is_purged
            && entry.end.is_none()
            && self.oracle.has_active(entry.family);
        let expected = if is_allowed { "ok" } else { "not_found" };
        check_equal("the end of a session", &code(&result), &expected)?;
        let reason = if by == session { "logout" } else { "revoked" };
        let events = self.oracle.end_one(user, session, reason);
        self.check_events(events, context).await
    }

    pub(crate) async fn log_out_everywhere(
        &mut self,
        session: usize,
        context: Context,
    ) -> Comparison {
        let view = self.view(session);
        let result = self.service.accounts.log_out_everywhere(&view, client(context.client)).await;
        check_equal("a logout everywhere", &code(&result), &"ok")?;
        let user = self.oracle.sessions[session].user;
        let events = self.oracle.end_all_of_user(user, "logout");
        self.check_events(events, context).await
    }

    pub(crate) async fn register(
        &mut self,
        by: usize,
        session: usize,
        context: Context,
    ) -> Comparison {
        let user = self.oracle.sessions[by].user;
        let key = format!("key {}", self.random.u32(..));
        let (id, owner, change) =
            (self.session_ids[session], self.user_ids[user], self.change_context(context));
        let bound = self.service.store.register_agent(id, owner, key.clone(), &change).await;
        let bound = bound.map_err(|error| error.to_string())?.value;
        let (is_bound, events) = self.oracle.register(user, session, &key);
        check_equal("whether an agent is registered", &bound, &is_bound)?;
        self.check_events(events, context).await
    }

    pub(crate) fn session_digest(&self, session: usize) -> Option<kleidia_tower::TokenDigest> {
        let text = &self.session_tokens[session];
        (!text.is_empty()).then(|| digest_of(text))
    }
}
