//! What people do: they get in, stay in, get out, and are known.

use kleidia_tower::account::TokenSet;
use kleidia_tower::lockout::{LoginAttempt, LoginSource};
use kleidia_tower::session::{NewSession, OpenOutcome, SessionView};
use secrecy::{ExposeSecret as _, SecretString};

use crate::operation::Presented;
use crate::oracle::{ACCESS, Login, REFRESH, Refresh, SESSION};
use crate::service::{OpaqueToken, client, digest_of, hash, span, time};
use crate::trial::{AccessToken, Doer, Judged, Trial, code, same};

/// A password that nobody has.
const STALE: u32 = u32::MAX;

impl Trial {
    pub(crate) async fn log_in(
        &mut self,
        user: usize,
        is_stale: bool,
        is_rehashed: bool,
        doer: Doer,
    ) -> Judged {
        let password = if is_stale { STALE } else { self.oracle.users[user].password };
        let rehashed = is_rehashed.then(|| self.new_password());
        let token = OpaqueToken::generate(&mut self.random);
        let refresh_token = OpaqueToken::generate(&mut self.random);
        let (now, name) = (self.oracle.now, self.account(user).name);
        let source = LoginSource::new(client(doer.client).address);
        let new = NewSession {
            user: self.user_ids[user],
            expected_hash: hash(user, password),
            rehashed: rehashed.map(|password| hash(user, password)),
            token: token.digest,
            refresh_token: refresh_token.digest,
            expires_at: time(now + SESSION),
            refresh_expires_at: time(now + REFRESH),
            attempt: LoginAttempt { name, source },
        };
        let opened = self.service.store.open_session(new, &self.change(doer)).await;
        let opened = opened.map_err(|error| error.to_string())?.value;
        let (login, events) = self.oracle.log_in(user, password, rehashed, doer.client);
        match (login, opened) {
            (Login::In(session), OpenOutcome::Opened(view)) => {
                self.adopt(session, &view, token.text)?;
                same("the session of a login", &view, &self.view(session))?;
                self.refresh_tokens.push(refresh_token.text);
                let expires = now + ACCESS;
                let text = self.service.signed(&view, now, expires).await;
                let key = self.service.signing_key();
                self.access_tokens.push(AccessToken { text, session, expires, key });
            }
            (Login::Disabled, OpenOutcome::AccountDisabled)
            | (Login::Changed, OpenOutcome::PasswordChanged) => {}
            (login, opened) => return Err(format!("{opened:?}, not {login:?}")),
        }
        self.recorded(events, doer).await
    }

    pub(crate) fn new_password(&mut self) -> u32 {
        self.passwords += 1;
        self.passwords
    }

    pub(crate) async fn refresh(
        &mut self,
        presented: Presented,
        has_grace: bool,
        doer: Doer,
    ) -> Judged {
        let (text, token) = match presented {
            Presented::Token(token) => (self.refresh_tokens[token].clone(), Some(token)),
            Presented::SessionToken(session) => (self.session_tokens[session].clone(), None),
            Presented::AccessToken(token) => (self.access_tokens[token].text.clone(), None),
            Presented::Unknown => (OpaqueToken::generate(&mut self.random).text, None),
        };
        let accounts = if has_grace { &self.service.accounts } else { &self.service.strict };
        let answer = accounts.refresh(&SecretString::from(text), client(doer.client)).await;
        let grace = if has_grace { 10 } else { 0 };
        let (refresh, events) = self.oracle.refresh(token, grace, doer.client);
        if let Refresh::Refused(code) = refresh {
            self.saw(code);
        }
        match (refresh, answer) {
            (Refresh::Granted { session, token }, Ok(granted)) => {
                self.granted(session, token, &granted)?;
            }
            (Refresh::Refused(expected), answer) => {
                same("a refresh", &code(&answer), &expected)?;
            }
            (refresh, answer) => return Err(format!("{answer:?}, not {refresh:?}")),
        }
        self.recorded(events, doer).await
    }

    fn granted(&mut self, session: usize, token: usize, granted: &TokenSet) -> Judged {
        self.adopt(session, &granted.session, String::new())?;
        same("the session of a refresh", &granted.session, &self.view(session))?;
        let (now, text) = (self.oracle.now, granted.refresh_token.expose_secret());
        if token == self.refresh_tokens.len() {
            if self.refresh_tokens.iter().any(|other| other == text) {
                return Err("a successor that was there before".to_owned());
            }
            self.refresh_tokens.push(text.to_owned());
        }
        same("the successor", &text, &self.refresh_tokens[token].as_str())?;
        let rest = self.oracle.tokens[token].expires - now;
        same("the time of a refresh token", &granted.refresh_expires_in, &span(rest))?;
        let expires = (now + ACCESS).min(self.oracle.sessions[session].expires);
        same("the time of an access token", &granted.expires_in, &span(expires - now))?;
        let (text, key) = (granted.access_token.expose_secret(), self.service.signing_key());
        self.access_tokens.push(AccessToken { text: text.to_owned(), session, expires, key });
        Ok(())
    }

    /// The signature first, then the time, the session, the account.
    pub(crate) async fn call(&mut self, access_token: usize) -> Judged {
        let token = &self.access_tokens[access_token];
        let answer = self.service.authenticator.authenticate(&token.text).await;
        let session = token.session;
        let expected = if !self.service.verifies(&token.key) {
            "token_invalid"
        } else if self.oracle.now >= token.expires {
            "token_expired"
        } else {
            self.oracle.admit(session)
        };
        self.admitted(session, answer.as_ref().ok(), code(&answer), expected).await
    }

    pub(crate) async fn call_with(&mut self, session: usize) -> Judged {
        let token = &self.session_tokens[session];
        let answer = self.service.authenticator.authenticate_session_token(token).await;
        let expected =
            if token.is_empty() { "session_expired" } else { self.oracle.admit(session) };
        self.admitted(session, answer.as_ref().ok(), code(&answer), expected).await
    }

    async fn admitted(
        &mut self,
        session: usize,
        view: Option<&SessionView>,
        found: &'static str,
        expected: &'static str,
    ) -> Judged {
        same("a call", &found, &expected)?;
        self.saw(found);
        if let Some(view) = view {
            same("who calls", &view.session.id, &self.session_ids[session])?;
            let account = self.account(self.oracle.sessions[session].user);
            same("who calls", &*view.account, &account)?;
        }
        self.recorded(vec![], Doer { client: 0, actor: None }).await
    }

    pub(crate) async fn log_out(&mut self, session: usize, doer: Doer) -> Judged {
        let view = self.view(session);
        let answer = self.service.accounts.log_out(&view, client(doer.client)).await;
        same("a logout", &code(&answer), &"ok")?;
        let user = self.oracle.sessions[session].user;
        let events = self.oracle.end_one(user, session, "logout");
        self.recorded(events, doer).await
    }

    pub(crate) async fn end(&mut self, by: usize, session: usize, doer: Doer) -> Judged {
        let (view, id) = (self.view(by), self.session_ids[session]);
        let answer = self.service.accounts.end_session(&view, id, client(doer.client)).await;
        let user = self.oracle.sessions[by].user;
        let is_own = self.oracle.sessions[session].user == user && self.oracle.is_active(session);
        let expected = if is_own { "ok" } else { "not_found" };
        same("the end of a session", &code(&answer), &expected)?;
        let reason = if by == session { "logout" } else { "revoked" };
        let events = self.oracle.end_one(user, session, reason);
        self.recorded(events, doer).await
    }

    pub(crate) async fn log_out_everywhere(&mut self, session: usize, doer: Doer) -> Judged {
        let view = self.view(session);
        let answer = self.service.accounts.log_out_everywhere(&view, client(doer.client)).await;
        same("a logout everywhere", &code(&answer), &"ok")?;
        let user = self.oracle.sessions[session].user;
        let events = self.oracle.end_every(user, "logout");
        self.recorded(events, doer).await
    }

    pub(crate) async fn register(&mut self, by: usize, session: usize, doer: Doer) -> Judged {
        let user = self.oracle.sessions[by].user;
        let key = format!("key {}", self.random.u32(..));
        let (id, owner, change) =
            (self.session_ids[session], self.user_ids[user], self.change(doer));
        let bound = self.service.store.register_agent(id, owner, key.clone(), &change).await;
        let bound = bound.map_err(|error| error.to_string())?.value;
        let (is_bound, events) = self.oracle.register(user, session, &key);
        same("whether an agent is registered", &bound, &is_bound)?;
        self.recorded(events, doer).await
    }

    pub(crate) fn session_digest(&self, session: usize) -> Option<kleidia_tower::TokenDigest> {
        let text = &self.session_tokens[session];
        (!text.is_empty()).then(|| digest_of(text))
    }
}
