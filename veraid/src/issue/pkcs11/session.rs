//! Sessions with a token, logged in.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::RawAuthPin;
use zeroize::Zeroizing;

use super::module::Module;
use super::{Pkcs11Error, Pkcs11Uri};

/// The access to the token of a URI.
pub(super) struct TokenAccess {
    pub(super) uri: Pkcs11Uri,
    /// The PIN that the token rejected. Each further attempt could lock the token.
    rejected_pin: Mutex<Option<Zeroizing<Vec<u8>>>>,
}

/// What a session can do.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Read,
    Write,
}

/// A session that is logged in.
pub(super) struct TokenSession {
    /// It is only taken on drop.
    session: Option<Session>,
    module: Arc<Module>,
    generation: u64,
}

impl TokenSession {
    /// Calls the library, unless it was initialised again since the session was opened.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&Session) -> Result<T, Pkcs11Error>,
    ) -> Result<T, Pkcs11Error> {
        let generation = self.module.generation();
        match &self.session {
            Some(session) if *generation == self.generation => call(session),
            _ => Err(Pkcs11Error::SessionLost),
        }
    }
}

/// Closes the session, unless its handle means another one now.
impl Drop for TokenSession {
    fn drop(&mut self) {
        let generation = self.module.generation();
        match self.session.take() {
            Some(session) if *generation != self.generation => std::mem::forget(session),
            session => drop(session),
        }
    }
}

impl TokenAccess {
    pub(super) const fn new(uri: Pkcs11Uri) -> Self {
        Self { uri, rejected_pin: Mutex::new(None) }
    }

    /// Opens a session that can use private keys, and generate them if it is to write.
    pub(super) fn open(&self, mode: Mode) -> Result<TokenSession, Pkcs11Error> {
        let module = Module::load(&self.uri.module_path)?;
        let seen = *module.generation();
        match self.open_in(&module, mode) {
            Err(error) if error.may_need_restart() && module.restart(seen)? => {
                self.open_in(&module, mode)
            }
            opened => opened,
        }
    }

    fn open_in(&self, module: &Arc<Module>, mode: Mode) -> Result<TokenSession, Pkcs11Error> {
        let generation = module.generation();
        let (slot, token) = module.find_token(&self.uri)?;
        let session = match mode {
            Mode::Read => module.library().open_ro_session(slot),
            Mode::Write => module.library().open_rw_session(slot),
        };
        let session = session.map_err(Pkcs11Error::call)?;
        self.login(&session, &token)?;
        let generation = *generation;
        Ok(TokenSession { session: Some(session), module: Arc::clone(module), generation })
    }

    /// Logs in, unless another session with the token has: they share the state.
    fn login(&self, session: &Session, token: &TokenInfo) -> Result<(), Pkcs11Error> {
        if !token.login_required() {
            return Ok(());
        }
        let Some(path) = self.uri.pin_source() else {
            return if token.protected_authentication_path() {
                logged_in(session.login(UserType::User, None))
            } else {
                Err(Pkcs11Error::PinRequired)
            };
        };
        // One login at a time, so that a PIN is rejected once.
        let mut rejected = self.rejected_pin.lock().unwrap_or_else(PoisonError::into_inner);
        let pin = read_pin(path)
            .map_err(|source| Pkcs11Error::PinSource { path: path.to_owned(), source })?;
        if rejected.as_ref() == Some(&pin) {
            return Err(Pkcs11Error::PinRejected);
        }
        let secret = RawAuthPin::new(Box::new(pin.to_vec()));
        let outcome = logged_in(session.login_with_raw(UserType::User, &secret));
        let is_rejected = matches!(outcome, Err(Pkcs11Error::PinRejected));
        *rejected = is_rejected.then_some(pin);
        outcome
    }
}

fn logged_in(outcome: Result<(), Error>) -> Result<(), Pkcs11Error> {
    match outcome {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
            _,
        )) => Err(Pkcs11Error::PinRejected),
        Err(error) => Err(Pkcs11Error::call(error)),
    }
}

/// Reads a PIN, without the line break at its end.
fn read_pin(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    const MAX_OCTETS: usize = 1024;
    // Growing would leave copies in memory.
    let mut pin = Zeroizing::new(Vec::with_capacity(MAX_OCTETS + 1));
    File::open(path)?.take(MAX_OCTETS as u64 + 1).read_to_end(&mut pin)?;
    if pin.len() > MAX_OCTETS {
        let reason = format!("expected at most {MAX_OCTETS} octets");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let end = pin.iter().rposition(|octet| !b"\r\n".contains(octet)).map_or(0, |last| last + 1);
    pin.truncate(end);
    Ok(pin)
}
