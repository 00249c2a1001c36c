//! The service under test: accounts over a store, with a manual clock and manual keys.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fastrand::Rng;
use kleidia_tower::access_token::{Claims, KeyError, KeyProvider, KeyRing, SigningKey, issue};
use kleidia_tower::account::{AccountSettings, Accounts, PasswordHash};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::session::{SessionAuthenticator, SessionView};
use kleidia_tower::store::Store;
use kleidia_tower::{ClientInfo, Timestamp, TokenDigest, UserAgent, clock_fn};
use secrecy::ExposeSecret as _;

use crate::oracle::{ACCESS, REFRESH, SESSION};

/// How many keys are valid.
const KEYS: usize = 3;

pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    /// With a grace period of 10 seconds.
    pub(crate) accounts: Accounts,
    /// With the same store, and no grace period.
    pub(crate) accounts_without_grace: Accounts,
    pub(crate) authenticator: SessionAuthenticator,
    clock: Arc<AtomicI64>,
    keys: Arc<Keys>,
}

/// An opaque token: 32 octets, whose text is Base64url without padding.
pub(crate) struct OpaqueToken {
    pub(crate) text: String,
    pub(crate) digest: TokenDigest,
}

#[derive(Default)]
struct Keys(RwLock<Vec<SigningKey>>);

#[async_trait]
impl KeyProvider for Keys {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        let keys = self.0.read().unwrap().clone();
        KeyRing::new(keys).map_err(KeyError::new)
    }
}

impl Service {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let (clock, keys) = (Arc::new(AtomicI64::new(0)), Arc::new(Keys::default()));
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let options = options.with_permits(1).unwrap().with_queue_limit(1).unwrap();
        let hasher = options.start().unwrap();
        let accounts = |refresh_grace| {
            let settings = AccountSettings::default()
                .with_access_ttl(duration(ACCESS))
                .and_then(|settings| settings.with_refresh_ttl(duration(REFRESH)))
                .and_then(|settings| settings.with_session_ttl(duration(SESSION)))
                .and_then(|settings| settings.with_refresh_grace(duration(refresh_grace)))
                .unwrap()
                .with_refresh_limit("1000000/1".parse().unwrap());
            let (provider, clock): (Arc<dyn KeyProvider>, _) = (keys.clone(), clock.clone());
            Accounts::new(Arc::clone(&store), provider, hasher.clone())
                .with_settings(settings)
                .with_clock(clock_fn(move || {
                    Timestamp::from_second(clock.load(Ordering::Relaxed)).ok()
                }))
        };
        let (accounts_without_grace, accounts) = (accounts(0), accounts(10));
        let authenticator = accounts.authenticator();
        let service = Self { store, accounts, accounts_without_grace, authenticator, clock, keys };
        service.rotate_keys();
        service
    }

    pub(crate) fn set_clock(&self, now: i64) {
        self.clock.store(now, Ordering::Relaxed);
    }

    /// Adds a new signing key, and removes the oldest key.
    pub(crate) fn rotate_keys(&self) {
        let mut keys = self.keys.0.write().unwrap();
        keys.insert(0, SigningKey::generate().unwrap());
        keys.truncate(KEYS);
    }

    pub(crate) fn signing_key(&self) -> String {
        self.keys.0.read().unwrap()[0].id().to_owned()
    }

    pub(crate) fn accepts_key(&self, key: &str) -> bool {
        self.keys.0.read().unwrap().iter().any(|kept| kept.id() == key)
    }

    /// Issues the access token of a login.
    pub(crate) async fn issue_access_token(
        &self,
        view: &SessionView,
        now: i64,
        exp: i64,
    ) -> String {
        let SessionView { session, account } = view;
        let (name, is_admin) = (account.name.to_string(), account.is_admin());
        let ttl = Duration::from_secs((exp - now).unsigned_abs());
        let claims = Claims::new(account.id, name, is_admin, session.id, timestamp(now), ttl);
        let claims = claims.unwrap();
        let issued = issue(&self.keys.keys().await.unwrap(), claims).unwrap();
        issued.token.expose_secret().to_owned()
    }
}

impl OpaqueToken {
    pub(crate) fn generate(random: &mut Rng) -> Self {
        let mut octets = [0; 32];
        random.fill(&mut octets);
        let text = BASE64_URL_SAFE_NO_PAD.encode(octets);
        Self { digest: digest_of(&text), text }
    }
}

pub(crate) fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn duration(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// Returns the digest of the octets that a text encodes.
pub(crate) fn digest_of(text: &str) -> TokenDigest {
    let octets = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let digest = digest::digest(&digest::SHA256, &octets);
    TokenDigest(digest.as_ref().try_into().unwrap())
}

/// Returns the client with this number.
pub(crate) fn client(number: usize) -> ClientInfo {
    let address = ["192.0.2.1", "198.51.100.7", "2001:db8::1", "none"][number].parse().ok();
    let user_agent = (number < 3).then(|| UserAgent::new(&format!("Agent/{number}")));
    ClientInfo { address, user_agent }
}

pub(crate) fn hash(user: usize, password: u32) -> PasswordHash {
    PasswordHash::new(format!("$argon2id${user}${password}"))
}
