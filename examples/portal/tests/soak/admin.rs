//! An admin that disables and enables users and ends their sessions, and a source of guesses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::portal::Portal;
use crate::soak::client::{Client, Load};
use crate::soak::history::{Call, Outcome, WRONG};
use crate::soak::user::{User, password_text};
use crate::tokens::Tokens;

/// How many wrong passwords a source sends at once: more than the threshold.
const GUESSES: usize = 8;
/// The longest pause between two sources.
const PAUSE_BETWEEN_SOURCES: Duration = Duration::from_secs(10);

/// An admin, whose own session is not checked.
pub(crate) struct Admin {
    client: Client,
    tokens: Tokens,
}

impl Admin {
    pub(crate) fn new(load: &Arc<Load>, seed: u64, tokens: Tokens) -> Self {
        Self { client: Client::new(load, seed), tokens }
    }

    /// Changes a user now and then, until the load is over. Then all users are enabled.
    pub(crate) async fn run(mut self, users: Vec<Arc<User>>) {
        while self.pause(2000).await {
            let user = &users[self.client.random.usize(..users.len())];
            if self.client.random.bool() {
                self.end_sessions(user).await;
            } else {
                self.switch(user, true).await;
                self.pause(600).await;
                self.enable(user).await;
            }
        }
        for user in &users {
            self.enable(user).await;
        }
    }

    /// Waits for at most this many milliseconds. Returns whether the load continues.
    async fn pause(&mut self, max: u64) -> bool {
        let Client { load, random, .. } = &mut self.client;
        load.pause(random, Duration::from_millis(max)).await
    }

    async fn end_sessions(&mut self, user: &User) {
        let (path, tokens) =
            (format!("/api/admin/users/{}/sessions", user.id), self.tokens.clone());
        let request = move |portal: &Portal| portal.delete(&path).auth(&tokens);
        self.client.send_change(user, Call::EndSessions, request).await;
    }

    /// Enables a user; repeats it until that is acknowledged.
    async fn enable(&mut self, user: &User) {
        loop {
            match self.switch(user, false).await {
                Outcome::Done(_) => return,
                Outcome::Rejected(code) => panic!("the admin is rejected: {code}"),
                Outcome::Unknown | Outcome::NotSent => self.pause(200).await,
            };
        }
    }

    async fn switch(&mut self, user: &User, is_disabled: bool) -> Outcome {
        let (path, tokens) = (format!("/api/admin/users/{}", user.id), self.tokens.clone());
        let body = json!({"disabled": is_disabled});
        let request = move |portal: &Portal| portal.patch(&path).auth(&tokens).json(&body);
        let call = if is_disabled { Call::Disable } else { Call::Enable };
        self.client.send_change(user, call, request).await
    }
}

/// Sends wrong passwords from one source after the other, to both portals at once. The sources take
/// turns with the users, since each source throttles the login of a user for the next.
pub(crate) async fn guess(load: Arc<Load>, seed: u64, victims: Vec<Arc<User>>) {
    let mut client = Client::new(&load, seed);
    for (source, victim) in victims.iter().cycle().enumerate() {
        let mut guesses = JoinSet::new();
        for _ in 0..GUESSES {
            let (mut client, victim) = (client.fork(), Arc::clone(victim));
            guesses.spawn(async move {
                let (name, text) = (victim.name(), password_text(WRONG));
                let request = |portal: &Portal| portal.login_request(&name, &text);
                client.send_change(&victim, Call::Guess { source }, request).await
            });
        }
        guesses.join_all().await;
        if !load.pause(&mut client.random, PAUSE_BETWEEN_SOURCES).await {
            return;
        }
    }
}
