//! The settings: from the command line, from a file, or the defaults.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::{fs, io};

use http_guard::parse_socket_address;
use kleidia_tower::rate_limit::{
    ForwardingHeader, Limit, Nat64Prefix, NetworkError, ProxyNetwork, TrustedProxies,
};
use kliento::TrustAnchor;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub(crate) use crate::setting_text::Period;
use crate::setting_text::{kv_version, socket_address, text, texts};

/// All settings; `None` stands for the default.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The address to listen on, such as `[::1]:8080` or `[fe80::1%eth0]:8080`; port 0 is any free one
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = parse_socket_address)]
    #[serde(deserialize_with = "socket_address")]
    pub(crate) listen: Option<SocketAddr>,

    /// The address of `GET /metrics`, in Prometheus' text format; port 0 is any free one [default: none]
    ///
    /// Anyone who can connect can read the metrics, so use an address that is not public.
    #[arg(long, value_name = "ADDR", value_parser = parse_socket_address)]
    #[serde(deserialize_with = "socket_address")]
    pub(crate) metrics: Option<SocketAddr>,

    /// How long an access token is valid, such as 10s, 30m, 2h: at most as long as a session
    /// [default: 30m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) access_ttl: Option<Period>,

    /// How long after signing in the password must be entered again [default: 30d]
    #[arg(long, value_name = "DURATION")]
    pub(crate) login_ttl: Option<Period>,

    /// How many sessions a user can have; a further one ends the oldest [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) max_sessions: Option<usize>,

    /// How long a refresh token is valid [default: 7d]
    #[arg(long, value_name = "DURATION")]
    pub(crate) refresh_ttl: Option<Period>,

    /// How long a session is valid without a refresh [default: 1h]
    #[arg(long, value_name = "DURATION")]
    pub(crate) session_ttl: Option<Period>,

    /// Cache sessions, so that most requests do not query the database. What another node changes, such
    /// as a logout, takes effect within this time, from 100ms to 1m, and usually at once [default: each
    /// request queries the database, and changes take effect at once]
    #[arg(long, value_name = "DURATION")]
    #[serde(deserialize_with = "text")]
    pub(crate) cache_sessions: Option<humantime::Duration>,

    /// The grace period in which a repeated refresh returns the same successor; 0s disables it
    /// [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) refresh_grace: Option<Period>,

    /// How often the sessions of a user can be refreshed, all of them together [default: 2 for each
    /// session that a user can have per minute, at least 60/60]
    #[arg(long, value_name = "N/SECONDS")]
    #[serde(deserialize_with = "text")]
    pub(crate) refresh_limit: Option<Limit>,

    /// How many consecutive wrong passwords lock a name for an address [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) lockout_threshold: Option<u32>,

    /// The duration of the first lockout; each further failure doubles it, up to 15m
    /// or to this duration if it is longer [default: 1m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) lockout_base: Option<Period>,

    /// The age at which a password must be changed [default: any age]
    #[arg(long, value_name = "DURATION")]
    pub(crate) password_max_age: Option<Period>,

    /// How many rejections of one source, such as denials and failed logins of unknown names, the audit
    /// log records each by itself in a minute; it counts further ones [default: 60]
    #[arg(long, value_name = "N")]
    pub(crate) rejections_per_source: Option<u32>,

    /// The same of all sources, without those of accounts that have signed in [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) rejections_total: Option<u32>,

    /// The same of all accounts that have signed in, of which one account has a quarter
    /// [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) rejections_accounts_total: Option<u32>,

    /// The rate limit of logins, password changes and new accounts per address [default: 60/60]
    #[arg(long, value_name = "N/SECONDS")]
    #[serde(deserialize_with = "text")]
    pub(crate) login_limit: Option<Limit>,

    /// The rate limit of requests per caller [default: 1200/60]
    #[arg(long, value_name = "N/SECONDS")]
    #[serde(deserialize_with = "text")]
    pub(crate) api_limit: Option<Limit>,

    /// Share the limits with other portals in the Redis at this URL: redis://USER:PASSWORD@HOST:PORT,
    /// or rediss:// for TLS. The variable `REDIS_URL` hides the password from other users of the
    /// machine [default: that of the variable, or limits of this portal alone]
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<SecretString>,

    /// The file with the secret of shared limits: at least 32 octets, the same for all portals
    #[arg(long, value_name = "FILE")]
    pub(crate) limit_secret: Option<PathBuf>,

    /// How long a request waits for Redis, at most 2s [default: 50ms]
    #[arg(long, value_name = "DURATION")]
    #[serde(deserialize_with = "text")]
    pub(crate) limit_timeout: Option<humantime::Duration>,

    /// What applies while Redis is unavailable: this portal's share of the limits, or 503
    /// [default: share]
    #[arg(long, value_name = "FALLBACK")]
    pub(crate) limit_fallback: Option<Fallback>,

    /// How many portals share the limits, of which each has its part while Redis is unavailable
    /// [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) limit_nodes: Option<NonZeroU32>,

    /// Read the keys of access tokens from the Vault or OpenBao at this URL, such as
    /// `https://vault.example.com:8200`. The secret's field `keys` has the content of a file of keys.
    /// The client's token is in the variable `VAULT_TOKEN`, or one of the next options obtains it
    #[arg(long, value_name = "URL")]
    #[serde(deserialize_with = "text")]
    pub(crate) vault: Option<Url>,

    /// The path at which Vault's key/value engine is mounted [default: secret]
    #[arg(long, value_name = "PATH")]
    pub(crate) vault_mount: Option<String>,

    /// The path of the secret in the engine [default: portal]
    #[arg(long, value_name = "PATH")]
    pub(crate) vault_path: Option<String>,

    /// The version of the engine, 1 or 2 [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    #[serde(deserialize_with = "kv_version")]
    pub(crate) vault_kv_version: Option<u8>,

    /// A file with a token of Vault, which another process may replace
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_token_file: Option<PathBuf>,

    /// The ID of a role, to log in to Vault by the method AppRole
    #[arg(long, value_name = "ID")]
    pub(crate) vault_role_id: Option<String>,

    /// The file with the secret ID of this role
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_secret_id_file: Option<PathBuf>,

    /// The name of a role, to log in to Vault by the method Kubernetes or JWT
    #[arg(long, value_name = "ROLE")]
    pub(crate) vault_kubernetes_role: Option<String>,

    /// The file with the token of the service account [default: that of a pod]
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_kubernetes_token_file: Option<PathBuf>,

    /// The path at which the method of the login is enabled [default: approle or kubernetes]
    #[arg(long, value_name = "PATH")]
    pub(crate) vault_login_mount: Option<String>,

    /// A proxy or a network of proxies whose `X-Forwarded-For` is trusted; may be given several times
    #[arg(long, value_name = "ADDR|CIDR")]
    #[serde(deserialize_with = "texts")]
    pub(crate) trusted_proxy: Vec<ProxyNetwork>,

    /// A prefix with which your network translates IPv4 addresses (NAT64); may be given several times.
    /// `64:ff9b::/96` and `64:ff9b:1::/48` are known
    #[arg(long, value_name = "PREFIX")]
    #[serde(deserialize_with = "texts")]
    pub(crate) nat64_prefix: Vec<Nat64Prefix>,

    /// How many connections to PostgreSQL this portal has at most, up to 10000; a quarter of them only
    /// reads [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) database_connections: Option<u32>,

    /// How many passwords are hashed concurrently, in 64 MiB each [default: half of the processors]
    #[arg(long, value_name = "N")]
    pub(crate) argon2_permits: Option<usize>,

    /// The format of the log [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log: Option<LogFormat>,

    /// Accept workloads whose Kliento token bundles are for this audience
    #[arg(long, value_name = "AUD")]
    pub(crate) kliento_audience: Option<String>,

    /// A key of the DNS root to trust for workloads, as a DS record; may be given several times
    /// [default: the keys that IANA publishes]
    #[arg(long, value_name = "DS")]
    #[serde(deserialize_with = "texts")]
    pub(crate) kliento_trust_anchor: Vec<TrustAnchor>,

    /// An organisation whose workloads are allowed: example.com, or *.example.com for those below it;
    /// may be given several times [default: every organisation with DNSSEC]
    #[arg(long, value_name = "ORG")]
    pub(crate) kliento_allow_organisation: Vec<String>,

    /// A workload that is allowed: user@example.com, or example.com for its bot; may be given several
    /// times
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) kliento_allow_subject: Vec<String>,

    /// How far in the future a workload's token may start, at most 5m, for clients with faster clocks
    /// [default: 5s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) kliento_clock_skew: Option<Period>,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

/// What applies while the store of shared limits is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fallback {
    /// The portal's share of the limits.
    Share,
    /// 503.
    Reject,
}

/// An error from reading a settings file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: {source}", .path.display())]
    Malformed { path: PathBuf, source: Box<toml::de::Error> },
}

impl Settings {
    /// Reads the settings that are not set from a file.
    pub(crate) fn or_file(self, path: &Path) -> Result<Self, SettingsError> {
        let path = path.to_owned();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(SettingsError::Unreadable { path, source }),
        };
        match toml::from_str(&text) {
            Ok(file) => Ok(self.or(file)),
            Err(source) => Err(SettingsError::Malformed { path, source: Box::new(source) }),
        }
    }

    /// Returns the trusted proxies, and the prefixes of translated addresses.
    pub(crate) fn proxies(&self) -> Result<TrustedProxies, NetworkError> {
        let networks = self.trusted_proxy.iter().copied();
        TrustedProxies::new(ForwardingHeader::XForwardedFor, networks)
            .with_nat64_prefixes(self.nat64_prefix.iter().copied())
    }

    fn or(self, file: Self) -> Self {
        fn or<T>(set: Vec<T>, file: Vec<T>) -> Vec<T> {
            if set.is_empty() { file } else { set }
        }
        Self {
            listen: self.listen.or(file.listen),
            metrics: self.metrics.or(file.metrics),
            access_ttl: self.access_ttl.or(file.access_ttl),
            login_ttl: self.login_ttl.or(file.login_ttl),
            max_sessions: self.max_sessions.or(file.max_sessions),
            refresh_ttl: self.refresh_ttl.or(file.refresh_ttl),
            session_ttl: self.session_ttl.or(file.session_ttl),
            cache_sessions: self.cache_sessions.or(file.cache_sessions),
            refresh_grace: self.refresh_grace.or(file.refresh_grace),
            refresh_limit: self.refresh_limit.or(file.refresh_limit),
            lockout_threshold: self.lockout_threshold.or(file.lockout_threshold),
            lockout_base: self.lockout_base.or(file.lockout_base),
            password_max_age: self.password_max_age.or(file.password_max_age),
            rejections_per_source: self.rejections_per_source.or(file.rejections_per_source),
            rejections_total: self.rejections_total.or(file.rejections_total),
            rejections_accounts_total: self
                .rejections_accounts_total
                .or(file.rejections_accounts_total),
            login_limit: self.login_limit.or(file.login_limit),
            api_limit: self.api_limit.or(file.api_limit),
            redis: self.redis.or(file.redis),
            limit_secret: self.limit_secret.or(file.limit_secret),
            limit_timeout: self.limit_timeout.or(file.limit_timeout),
            limit_fallback: self.limit_fallback.or(file.limit_fallback),
            limit_nodes: self.limit_nodes.or(file.limit_nodes),
            vault: self.vault.or(file.vault),
            vault_mount: self.vault_mount.or(file.vault_mount),
            vault_path: self.vault_path.or(file.vault_path),
            vault_kv_version: self.vault_kv_version.or(file.vault_kv_version),
            vault_token_file: self.vault_token_file.or(file.vault_token_file),
            vault_role_id: self.vault_role_id.or(file.vault_role_id),
            vault_secret_id_file: self.vault_secret_id_file.or(file.vault_secret_id_file),
            vault_kubernetes_role: self.vault_kubernetes_role.or(file.vault_kubernetes_role),
            vault_kubernetes_token_file: self
                .vault_kubernetes_token_file
                .or(file.vault_kubernetes_token_file),
            vault_login_mount: self.vault_login_mount.or(file.vault_login_mount),
            trusted_proxy: or(self.trusted_proxy, file.trusted_proxy),
            nat64_prefix: or(self.nat64_prefix, file.nat64_prefix),
            database_connections: self.database_connections.or(file.database_connections),
            argon2_permits: self.argon2_permits.or(file.argon2_permits),
            log: self.log.or(file.log),
            kliento_audience: self.kliento_audience.or(file.kliento_audience),
            kliento_trust_anchor: or(self.kliento_trust_anchor, file.kliento_trust_anchor),
            kliento_allow_organisation: or(
                self.kliento_allow_organisation,
                file.kliento_allow_organisation,
            ),
            kliento_clock_skew: self.kliento_clock_skew.or(file.kliento_clock_skew),
            kliento_allow_subject: or(self.kliento_allow_subject, file.kliento_allow_subject),
        }
    }
}
