//! A user whom several clients share: its passwords, and the tokens that they received.

use std::sync::{Mutex, MutexGuard};

use fastrand::Rng;

use crate::portal::PASSWORD;
use crate::soak::history::{Family, INITIAL, Password, Token};

/// How many received tokens are kept, valid or not.
const KEPT: usize = 40;

/// A user.
pub(crate) struct User {
    pub(crate) number: usize,
    /// The id of its account.
    pub(crate) id: i64,
    state: Mutex<State>,
}

struct State {
    /// The passwords that may be the current one, the most likely last.
    passwords: Vec<Password>,
    next_password: Password,
    /// The oldest first.
    tokens: Vec<HeldTokens>,
}

/// The tokens of a response.
#[derive(Clone, Debug)]
pub(crate) struct HeldTokens {
    pub(crate) family: Family,
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) token: Token,
}

impl User {
    pub(crate) fn new(number: usize, id: i64) -> Self {
        let passwords = vec![INITIAL];
        let state = State { passwords, next_password: INITIAL + 1, tokens: Vec::new() };
        Self { number, id, state: Mutex::new(state) }
    }

    pub(crate) fn name(&self) -> String {
        format!("user{}", self.number)
    }

    /// Returns a password that may be the current one.
    pub(crate) fn password(&self, random: &mut Rng) -> Password {
        let passwords = &self.state().passwords;
        let index =
            if random.u8(..4) == 0 { random.usize(..passwords.len()) } else { passwords.len() - 1 };
        passwords[index]
    }

    /// Returns all passwords that may be the current one.
    pub(crate) fn passwords(&self) -> Vec<Password> {
        self.state().passwords.clone()
    }

    pub(crate) fn new_password(&self) -> Password {
        let mut state = self.state();
        state.next_password += 1;
        state.next_password - 1
    }

    /// Notes that a password was the current one, or that a change to it was acknowledged.
    pub(crate) fn confirm_password(&self, password: Password) {
        self.suggest_password(password);
        let mut state = self.state();
        // A change that was sent earlier may still take effect.
        let excess = state.passwords.len().saturating_sub(3);
        drop(state.passwords.drain(..excess));
    }

    /// Notes that a password may be the current one.
    pub(crate) fn suggest_password(&self, password: Password) {
        let mut state = self.state();
        state.passwords.retain(|other| *other != password);
        state.passwords.push(password);
    }

    pub(crate) fn keep(&self, tokens: HeldTokens) {
        let mut state = self.state();
        state.tokens.push(tokens);
        let excess = state.tokens.len().saturating_sub(KEPT);
        drop(state.tokens.drain(..excess));
    }

    /// Returns some of the tokens, mostly those that were received last.
    pub(crate) fn tokens(&self, random: &mut Rng) -> Option<HeldTokens> {
        let tokens = &self.state().tokens;
        let range = if random.u8(..3) == 0 { tokens.len() } else { tokens.len().min(4) };
        let age = if range == 0 { return None } else { random.usize(..range) };
        Some(tokens[tokens.len() - 1 - age].clone())
    }

    /// Returns all tokens that are kept.
    pub(crate) fn all_tokens(&self) -> Vec<HeldTokens> {
        self.state().tokens.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Returns the text of a password.
pub(crate) fn password_text(password: Password) -> String {
    if password == INITIAL { PASSWORD.to_owned() } else { format!("{PASSWORD} {password}") }
}
