//! The service: opens the database, serves until a shutdown signal, and closes the database.

use std::io::ErrorKind::NotFound;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use http_guard::serve::{Server, shutdown_signal};
use http_guard::{log, log_text};
use kleidia_tower::SettingError;
use kleidia_tower::access_token::{KeyFile, KeyFileError, KeyProvider, KeyRing, SigningKey};
use kleidia_tower::account::{AccountLookup, AccountSettings, Accounts, SmtpDelivery};
use kleidia_tower::api::Api;
use kleidia_tower::audit::{AuditKeyFiles, AuditSinks, RejectionLimits, TracingSink};
use kleidia_tower::lockout::LockoutPolicy;
use kleidia_tower::password::{PasswordHasher, PasswordPolicy};
use kleidia_tower::rate_limit::SharedLimits;
use kleidia_tower::session::KeyWatch;
use kleidia_tower::store::{Cleanup, CleanupSettings};
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::arguments::AuditFiles;
use crate::database::{Database, Location};
use crate::metrics::Metrics;
use crate::settings::{Period, Settings};
use crate::{BoxError, create_admin, limits, routes, session_cache, vault};

const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// How long closing may take. Container engines give 10 s in all: open requests take at most 8 s,
/// this and the audit sinks at the same time 1 s, and the last lines of the log 0.5 s.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the audit sinks wait for denials that are not yet recorded.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(300);

const NO_KEYS: &str = "; for a new database, create one with `portal create-keys FILE`, and copy it to \
    all nodes";

/// The accounts of the portal, with their store and audit sinks.
pub(crate) struct Service {
    pub(crate) accounts: Accounts,
    database: Database,
    sinks: AuditSinks,
}

/// The files of keys that are given.
pub(crate) struct KeyFiles {
    /// The keys of access tokens.
    pub(crate) keys: Option<PathBuf>,
    pub(crate) audit: AuditFiles,
}

/// Serves until a shutdown signal.
pub(crate) async fn run(
    location: &Location,
    files: KeyFiles,
    settings: &Settings,
    mail: Option<SmtpDelivery>,
    demo: bool,
) -> Result<(), BoxError> {
    let mut shutdown = pin!(shutdown_signal()?);
    let limits = limits::shared_limits(settings)?;
    // Before anything that is counted.
    let metrics = Metrics::start(settings.metrics).await?;
    // A server that does not respond must not delay the end.
    let service = tokio::select! {
        service = start(location, files, settings, demo, limits.as_ref()) => {
            service?.with_mail(mail)
        }
        () = &mut shutdown => {
            tracing::info!("stopped before the start was complete");
            return Ok(());
        }
    };
    let database = &service.database;
    let cleanup = Cleanup::spawn(database.store(), database.clock(), CleanupSettings::default());
    let (accounts, events) = (&service.accounts, service.accounts.store().session_events());
    let _key_watch = events.map(|events| KeyWatch::spawn(accounts.key_provider().clone(), events));
    let mut api = Api::new(accounts.clone());
    api = api.with_health_check("cleanup", cleanup.health_check());
    api = api.with_health_check("database-clock", database.clock_check());
    let feed_check = session_cache::feed_check(&**service.accounts.store());
    api = api.with_health_check("session-feed", feed_check);
    if let Some(limits) = &limits {
        api = api.with_shared_limits(limits);
    }
    let routes = metrics.layer(routes::router(api, settings)?);
    let address = settings.listen.unwrap_or(DEFAULT_ADDRESS);
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("failed to listen on {address}: {error}"))?;
    log::announce(&format!("listening on http://{}", listener.local_addr()?));
    let server = Server::new().with_exempt_proxies(settings.proxies()?);
    let shutdown = async {
        shutdown.await;
        // Their clients reconnect to another node. Otherwise the shutdown would wait for them.
        accounts.shut_down_streams();
    };
    let summary = metrics.serve_during(server.serve(listener, routes, shutdown)).await;
    tracing::info!(dropped_requests = summary.dropped_requests(), "stopped");
    if tokio::time::timeout(CLOSE_TIMEOUT, service.close(Some(cleanup))).await.is_err() {
        tracing::warn!("stopped before all pending writes and audit records were done");
    }
    Ok(())
}

/// Opens the keys and the database, and checks whether the shared limits are available.
async fn start(
    location: &Location,
    files: KeyFiles,
    settings: &Settings,
    demo: bool,
    limits: Option<&SharedLimits>,
) -> Result<Service, BoxError> {
    let keys = open_keys(location, files.keys, settings).await?;
    let audit_key = location.audit_key(&files.audit)?;
    let service = Service::open(location, keys, audit_key, settings).await?;
    if demo {
        create_demo_admin(&service).await?;
    }
    if let Some(limits) = limits {
        // An outage is logged, and does not keep the portal from starting.
        drop(limits.check_store().await);
    }
    Ok(service)
}

impl Service {
    /// Opens the database for a command that signs no access tokens. The operator is the actor.
    pub(crate) async fn open_for_command(
        location: &Location,
        audit: &AuditFiles,
    ) -> Result<Self, BoxError> {
        let keys = Arc::new(KeyRing::new([SigningKey::generate()?])?);
        let audit_key = location.audit_key(audit)?;
        let service = Self::open(location, keys, audit_key, &Settings::default()).await?;
        Ok(Self { accounts: service.accounts.for_operator(), ..service })
    }

    /// Sends one-time codes by mail.
    fn with_mail(self, mail: Option<SmtpDelivery>) -> Self {
        match mail {
            Some(mail) => Self { accounts: self.accounts.with_code_delivery(mail), ..self },
            None => self,
        }
    }

    /// Opens the database.
    async fn open(
        location: &Location,
        keys: Arc<dyn KeyProvider>,
        audit_key: AuditKeyFiles,
        settings: &Settings,
    ) -> Result<Self, BoxError> {
        let account_settings = account_settings(settings)?;
        let permits = settings.argon2_permits.unwrap_or_else(PasswordHasher::default_permits);
        let hasher = PasswordHasher::options().with_permits(permits)?.start()?;
        let database = location.open_to_write(audit_key, settings).await?;
        let sinks = AuditSinks::new(vec![Box::new(TracingSink)], AuditSinks::DEFAULT_QUEUE_LIMIT)?;
        let accounts = Accounts::new(session_cache::store(&database, settings)?, keys, hasher)
            .with_clock(database.clock())
            .with_settings(account_settings)
            .with_audit_sinks(sinks.clone());
        Ok(Self { accounts, database, sinks })
    }

    /// Waits for the clean-up, pending writes and audit events, and closes the database.
    ///
    /// The sinks are closed soon, also if the store is busy, and their thread is waited for even if
    /// this is dropped.
    pub(crate) async fn close(self, cleanup: Option<Cleanup>) {
        // Denials that are recorded now still reach the sinks.
        drop(tokio::time::timeout(FLUSH_TIMEOUT, self.accounts.flush()).await);
        let sinks = self.sinks.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let sinks = tokio::task::spawn_blocking(move || sinks.close());
        let store = async {
            if let Some(cleanup) = cleanup {
                cleanup.stop().await;
            }
            self.accounts.flush().await;
            self.database.close().await;
        };
        if let (Err(error), ()) = tokio::join!(sinks, store) {
            tracing::error!(error = log_text(error), "failed to close the audit sinks");
        }
    }
}

/// Creates a file with a random key.
pub(crate) fn create_keys(path: &Path) -> Result<(), BoxError> {
    if path.try_exists()? {
        return Err(format!("{}: the file exists", path.display()).into());
    }
    let created = KeyFile::options().with_poll_interval(Duration::MAX)?.open_or_create(path);
    created.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

/// Opens the keys in Vault, or the file of keys. With a database file, that is created at the first
/// start; the nodes on PostgreSQL would each create their own.
async fn open_keys(
    location: &Location,
    file: Option<PathBuf>,
    settings: &Settings,
) -> Result<Arc<dyn KeyProvider>, BoxError> {
    if let Some(keys) = vault::open(settings).await? {
        return match file {
            Some(_) => Err("--keys and --vault exclude each other".into()),
            None => Ok(Arc::new(keys)),
        };
    }
    let path = location.keys(file)?;
    let (keys, hint) = match location {
        Location::File(_) => (KeyFile::open_or_create(&path), ""),
        _ => (KeyFile::open(&path), NO_KEYS),
    };
    let failed = |error| {
        let is_missing = matches!(&error, KeyFileError::Read(error) if error.kind() == NotFound);
        format!("{}: {error}{}", path.display(), if is_missing { hint } else { "" })
    };
    Ok(Arc::new(keys.map_err(failed)?))
}

pub(crate) fn account_settings(settings: &Settings) -> Result<AccountSettings, BoxError> {
    if settings.argon2_permits == Some(0) {
        return Err("--argon2-permits must be at least 1".into());
    }
    let mut lockout = LockoutPolicy::default();
    if let Some(threshold) = settings.lockout_threshold {
        let invalid = |error| format!("--lockout-threshold must be valid: {error}");
        lockout = lockout.with_threshold(threshold).map_err(invalid)?;
    }
    if let Some(Period(base)) = settings.lockout_base {
        let invalid = |error| format!("--lockout-base must be valid: {error}");
        lockout = lockout.with_base_duration(base).map_err(invalid)?;
    }
    let mut password_policy = PasswordPolicy::default();
    if let Some(Period(age)) = settings.password_max_age {
        password_policy = password_policy.with_max_age(age)?;
    }
    let accounts = AccountSettings::default();
    // The lifetime of a login bounds the others, that of a session the one of access tokens.
    let accounts =
        with(accounts, "login-ttl", settings.login_ttl, AccountSettings::with_login_ttl)?;
    let accounts =
        with(accounts, "refresh-ttl", settings.refresh_ttl, AccountSettings::with_refresh_ttl)?;
    let accounts =
        with(accounts, "session-ttl", settings.session_ttl, AccountSettings::with_session_ttl)?;
    let accounts =
        with(accounts, "access-ttl", settings.access_ttl, AccountSettings::with_access_ttl)?;
    let accounts = with(
        accounts,
        "refresh-grace",
        settings.refresh_grace,
        AccountSettings::with_refresh_grace,
    )?;
    let accounts = match settings.max_sessions {
        Some(max) => {
            accounts.with_max_sessions(max).map_err(|error| format!("--max-sessions: {error}"))?
        }
        None => accounts,
    };
    let accounts = match settings.refresh_limit.clone() {
        Some(limit) => accounts.with_refresh_limit(limit),
        None => accounts,
    };
    let accounts = accounts.with_rejection_limits(rejection_limits(settings)?);
    Ok(accounts.with_lockout(lockout).with_password_policy(password_policy))
}

fn rejection_limits(settings: &Settings) -> Result<RejectionLimits, BoxError> {
    type Set = fn(RejectionLimits, u32) -> Result<RejectionLimits, SettingError>;
    let options: [(&str, Option<u32>, Set); 3] = [
        ("per-source", settings.rejections_per_source, RejectionLimits::with_per_source),
        ("total", settings.rejections_total, RejectionLimits::with_total),
        (
            "accounts-total",
            settings.rejections_accounts_total,
            RejectionLimits::with_accounts_total,
        ),
    ];
    let mut limits = RejectionLimits::default();
    for (name, max, set) in options {
        if let Some(max) = max {
            limits = set(limits, max).map_err(|error| format!("--rejections-{name}: {error}"))?;
        }
    }
    Ok(limits)
}

/// Applies an option if it is given; an error names the option.
fn with(
    settings: AccountSettings,
    name: &str,
    period: Option<Period>,
    set: impl FnOnce(AccountSettings, Duration) -> Result<AccountSettings, SettingError>,
) -> Result<AccountSettings, BoxError> {
    let Some(Period(period)) = period else { return Ok(settings) };
    set(settings, period).map_err(|error| format!("--{name}: {error}").into())
}

/// Creates the account `admin` with a random password, unless it exists.
async fn create_demo_admin(service: &Service) -> Result<(), BoxError> {
    const NAME: &str = "admin";
    let name = NAME.parse()?;
    let store = service.accounts.store();
    if store.account_with_password(AccountLookup::Name(&name)).await?.is_some() {
        log::announce(&format!("account {NAME:?} already exists; its password is unchanged"));
        return Ok(());
    }
    let mut random = [0; 12];
    getrandom::fill(&mut random)?;
    let password = BASE64_URL_SAFE_NO_PAD.encode(random);
    // First: an account whose password is not printed would be of no use.
    if let Err(error) = writeln!(io::stdout(), "sign in as {NAME:?} with the password {password}") {
        let error = log_text(error);
        tracing::warn!(error, "account {NAME:?} not created: failed to print its password");
        return Ok(());
    }
    create_admin::create(service, NAME, SecretString::from(password)).await
}
