//! A client that sends random requests of a user to both portals, and records them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;

use crate::portal::Portal;
use crate::request::ApiRequest;
use crate::response::ApiResponse;
use crate::soak::cluster::Cluster;
use crate::soak::disconnects::Disconnects;
use crate::soak::history::{Call, Family, Outcome, Password, Recorder, WRONG};
use crate::soak::user::{HeldTokens, User, password_text};
use crate::tokens::Tokens;

/// Longer than a portal waits for a lock.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(8);
/// The longest pause between two requests of a client.
pub(crate) const PAUSE: Duration = Duration::from_millis(30);
/// The start of the user agent of each request; its id follows.
pub(crate) const USER_AGENT: &str = "soak/";

/// What all clients share.
pub(crate) struct Load {
    pub(crate) cluster: Cluster,
    pub(crate) recorder: Recorder,
    pub(crate) disconnects: Disconnects,
    pub(crate) is_over: AtomicBool,
    /// Whether clients send nothing more for now.
    pub(crate) is_paused: AtomicBool,
}

/// A client with a seed.
pub(crate) struct Client {
    pub(crate) load: Arc<Load>,
    pub(crate) random: Rng,
    /// Whether the client disconnects now and then.
    disconnects: bool,
    /// The portal that receives all requests, if it is one.
    node: Option<usize>,
    timeout: Duration,
    /// Whether the last request was rejected, so that a login is due.
    was_rejected: bool,
}

impl Load {
    /// Waits for a random time, and until the load is not paused. Returns whether it continues.
    pub(crate) async fn pause(&self, random: &mut Rng, max: Duration) -> bool {
        let mut pause = max.mul_f64(random.f64());
        loop {
            tokio::time::sleep(pause).await;
            if !self.is_paused.load(Ordering::Relaxed) {
                return !self.is_over.load(Ordering::Relaxed);
            }
            pause = PAUSE;
        }
    }
}

impl Client {
    pub(crate) fn new(load: &Arc<Load>, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        let load = Arc::clone(load);
        Self { load, random, disconnects: true, node: None, timeout: TIMEOUT, was_rejected: false }
    }

    /// Returns a client that waits for each response.
    pub(crate) fn without_disconnects(self) -> Self {
        Self { disconnects: false, ..self }
    }

    /// Returns a client that sends all requests to one portal, and waits this long for it.
    pub(crate) fn with_node(self, node: usize, timeout: Duration) -> Self {
        Self { node: Some(node), timeout, ..self }
    }

    /// Sends random requests until the load is over.
    pub(crate) async fn run(mut self, user: Arc<User>) {
        while self.load.pause(&mut self.random, PAUSE).await {
            self.send_random(&user).await;
        }
    }

    async fn send_random(&mut self, user: &User) {
        let held = user.tokens(&mut self.random);
        let Some(held) = held.filter(|_| !self.was_rejected || self.random.u8(..4) > 0) else {
            let password = user.password(&mut self.random);
            drop(self.log_in(user, password).await);
            return;
        };
        match self.random.u32(..1000) {
            0..500 => self.who_am_i(user, &held).await,
            500..820 => self.refresh(user, &held).await,
            820..840 => self.refresh_concurrently(user, &held).await,
            840..910 => {
                let password = user.password(&mut self.random);
                drop(self.log_in(user, password).await);
            }
            910..915 => drop(self.log_in(user, WRONG).await),
            915..995 => {
                let is_everywhere = self.random.u8(..4) == 0;
                self.log_out(user, &held, is_everywhere).await;
                self.refresh(user, &held).await;
                self.who_am_i(user, &held).await;
            }
            _ => {
                let current = user.password(&mut self.random);
                self.change_password(user, &held, current).await;
            }
        }
    }

    /// Returns the tokens if the login succeeded.
    pub(crate) async fn log_in(&mut self, user: &User, password: Password) -> Option<HeldTokens> {
        let (name, text) = (user.name(), password_text(password));
        let login = |portal: &Portal| portal.login_request(&name, &text);
        let (id, response) = self.send(user, Call::LogIn { password }, login).await.ok()?;
        let held = self.keep(user, id, id, &response);
        user.confirm_password(password);
        Some(held)
    }

    pub(crate) async fn who_am_i(&mut self, user: &User, held: &HeldTokens) {
        let call = Call::WhoAmI { family: held.family };
        let request = |portal: &Portal| portal.get("/api/whoami").bearer_auth(&held.access);
        self.send_change(user, call, request).await;
    }

    pub(crate) async fn refresh(&mut self, user: &User, held: &HeldTokens) {
        let body = json!({"refresh_token": held.refresh});
        let request = |portal: &Portal| portal.post("/api/auth/refresh").json(&body);
        let call = Call::Refresh { token: held.token };
        if let Ok((id, response)) = self.send(user, call, request).await {
            self.keep(user, id, held.family, &response);
        }
    }

    /// Sends a token several times, to either portal, half of the time while the session is ended.
    async fn refresh_concurrently(&mut self, user: &User, held: &HeldTokens) {
        let (ends, is_everywhere) = (self.random.bool(), self.random.bool());
        let [mut second, mut third, mut ending] = [self.fork(), self.fork(), self.fork()];
        let end = async {
            if ends {
                ending.log_out(user, held, is_everywhere).await;
            }
        };
        tokio::join!(
            self.refresh(user, held),
            second.refresh(user, held),
            end,
            third.refresh(user, held)
        );
    }

    pub(crate) async fn log_out(&mut self, user: &User, held: &HeldTokens, is_everywhere: bool) {
        let family = held.family;
        let (call, path) = if is_everywhere {
            (Call::LogOutEverywhere { family }, "/api/auth/logout-all")
        } else {
            (Call::LogOut { family }, "/api/auth/logout")
        };
        let request = |portal: &Portal| portal.post(path).bearer_auth(&held.access);
        self.send_change(user, call, request).await;
    }

    pub(crate) async fn change_password(
        &mut self,
        user: &User,
        held: &HeldTokens,
        current: Password,
    ) {
        let new = user.new_password();
        let body = json!({
            "current_password": password_text(current),
            "new_password": password_text(new),
        });
        let request = |portal: &Portal| {
            portal.post("/api/auth/password").bearer_auth(&held.access).json(&body)
        };
        let call = Call::ChangePassword { family: held.family, new };
        match self.send_change(user, call, request).await {
            Outcome::Done(_) => user.confirm_password(new),
            Outcome::Unknown => user.suggest_password(new),
            Outcome::Rejected(_) | Outcome::NotSent => {}
        }
    }

    /// Records the tokens of a response, and keeps them.
    fn keep(&self, user: &User, id: usize, family: Family, response: &ApiResponse) -> HeldTokens {
        let Tokens { access, refresh, .. } = Tokens::from_response(response);
        let token = self.load.recorder.token(family, &refresh);
        self.load.recorder.end(id, Outcome::Done(Some(token)));
        let held = HeldTokens { family, access, refresh, token };
        user.keep(held.clone());
        held
    }

    /// Sends a request whose response has no tokens, and records it.
    pub(crate) async fn send_change(
        &mut self,
        user: &User,
        call: Call,
        request: impl FnOnce(&Portal) -> ApiRequest,
    ) -> Outcome {
        match self.send(user, call, request).await {
            Ok((id, _)) => {
                self.load.recorder.end(id, Outcome::Done(None));
                Outcome::Done(None)
            }
            Err(outcome) => outcome,
        }
    }

    /// Sends a request to either portal. A success is returned with the id, and not recorded yet.
    async fn send(
        &mut self,
        user: &User,
        call: Call,
        request: impl FnOnce(&Portal) -> ApiRequest,
    ) -> Result<(usize, ApiResponse), Outcome> {
        let node = self.node.unwrap_or_else(|| self.random.usize(..2));
        let load = Arc::clone(&self.load);
        let disconnect = Some(&mut self.random).filter(|_| self.disconnects);
        let disconnect = disconnect.and_then(|random| load.disconnects.choose(&call, random));
        let source = if let Call::Guess { source } = call { Some(source) } else { None };
        let id = load.recorder.start(user.number, node, call.clone());
        let request = request(&load.cluster.portal(node))
            // The audit log has it.
            .header("user-agent", &format!("{USER_AGENT}{id}"))
            .forwarded_for(&address(id, source));
        let sent_at = Instant::now();
        let response = tokio::time::timeout(disconnect.unwrap_or(self.timeout), request.try_send());
        let response = response.await;
        match &response {
            Ok(Ok(_)) => load.disconnects.note_response(&call, sent_at.elapsed()),
            Err(_) if disconnect.is_some() => load.disconnects.note_disconnect(&call),
            _ => {}
        }
        let outcome = match response {
            Ok(Err(error)) if error.is_connect() => Outcome::NotSent,
            Err(_) | Ok(Err(_)) => Outcome::Unknown,
            Ok(Ok(response)) if response.status.is_success() => {
                self.was_rejected = false;
                return Ok((id, response));
            }
            Ok(Ok(response)) if response.status.is_server_error() => Outcome::Unknown,
            Ok(Ok(response)) => {
                let code = response.json()["code"].as_str().unwrap_or_default().to_owned();
                Outcome::Rejected(code)
            }
        };
        self.was_rejected = matches!(outcome, Outcome::Rejected(_));
        load.recorder.end(id, outcome.clone());
        Err(outcome)
    }

    /// Returns a client with a seed of its own.
    pub(crate) fn fork(&mut self) -> Self {
        let (load, random) = (Arc::clone(&self.load), self.random.fork());
        Self { load, random, ..*self }
    }
}

/// Returns the address of a client: each request has its own, unless it is of a source that
/// guesses.
fn address(id: usize, source: Option<usize>) -> String {
    let (network, host) = source.map_or((10, id), |source| (172, source));
    format!("{network}.{}.{}.{}", (host >> 16) & 255, (host >> 8) & 255, host & 255)
}
