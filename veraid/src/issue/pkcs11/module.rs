//! The PKCS #11 libraries of the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::uri::TokenSelector;
use super::{Pkcs11Error, Pkcs11Uri};

/// The libraries that were loaded. A process initialises each once, and does not unload it.
static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A library that is initialised.
pub(super) struct Module {
    library: Pkcs11,
    /// Another part of the process has initialised it, so only that part may finalise it.
    is_shared: bool,
    /// How often it was initialised again, after which handles mean other sessions and objects. Calls
    /// hold the lock, since none may run meanwhile.
    generation: RwLock<u64>,
}

impl Module {
    /// Returns the library, which is loaded and initialised the first time.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, Pkcs11Error> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(path) {
            return Ok(Arc::clone(module));
        }
        let failed = |error: Error| Pkcs11Error::Module {
            path: path.to_owned(),
            reason: match error {
                Error::Pkcs11(code, _) => format!("{code:?}"),
                other => other.to_string(),
            },
        };
        let library = Pkcs11::new(path).map_err(failed)?;
        let is_shared = !initialise(&library).map_err(failed)?;
        let module = Arc::new(Self { library, is_shared, generation: RwLock::new(0) });
        modules.insert(path.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// Returns the generation, which does not change while it is borrowed.
    pub(super) fn generation(&self) -> RwLockReadGuard<'_, u64> {
        self.generation.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn library(&self) -> &Pkcs11 {
        &self.library
    }

    /// Initialises the library again, since some only then notice that a token is back. It ends all
    /// sessions.
    ///
    /// Returns `false` if another part of the process uses the library.
    pub(super) fn restart(&self, seen: u64) -> Result<bool, Pkcs11Error> {
        let mut generation = self.generation.write().unwrap_or_else(PoisonError::into_inner);
        // Otherwise another caller has done it.
        if *generation == seen {
            if !self.is_shared {
                // It fails if the library is not initialised.
                let _ = self.library.clone().finalize();
            }
            let is_initialised = initialise(&self.library).map_err(Pkcs11Error::call)?;
            if !is_initialised {
                return Ok(false);
            }
            *generation += 1;
        }
        Ok(true)
    }

    /// Returns the slot of the only token that the URI selects.
    pub(super) fn find_token(&self, uri: &Pkcs11Uri) -> Result<(Slot, TokenInfo), Pkcs11Error> {
        let slots = self.library.get_slots_with_token().map_err(Pkcs11Error::call)?;
        // A token that is removed meanwhile is not there.
        let tokens = slots
            .into_iter()
            .filter_map(|slot| Some((slot, self.library.get_token_info(slot).ok()?)));
        let mut tokens: Vec<_> =
            tokens.filter(|(slot, token)| uri.token.matches(*slot, token)).collect();
        match (tokens.pop(), tokens.len()) {
            (Some(token), 0) => Ok(token),
            (None, _) => Err(Pkcs11Error::TokenNotFound { uri: uri.to_string() }),
            (Some(_), others) => {
                Err(Pkcs11Error::AmbiguousToken { uri: uri.to_string(), found: others + 1 })
            }
        }
    }
}

/// Initialises the library for several threads, which fails if it has no locks. Returns `false` if it
/// is initialised already.
fn initialise(library: &Pkcs11) -> Result<bool, Error> {
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) => Ok(true),
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(false),
        Err(error) => Err(error),
    }
}

impl TokenSelector {
    fn matches(&self, slot: Slot, token: &TokenInfo) -> bool {
        let is = |expected: &Option<String>, found: &str| {
            expected.as_ref().is_none_or(|expected| expected == found)
        };
        token.token_initialized()
            && is(&self.label, token.label())
            && is(&self.serial, token.serial_number())
            && is(&self.manufacturer, token.manufacturer_id())
            && is(&self.model, token.model())
            && self.slot_id.is_none_or(|id| id == slot.id())
    }
}
