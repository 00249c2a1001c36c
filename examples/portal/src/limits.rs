//! Limits that several portals share in Redis.

use std::env;
use std::fs;
use std::path::Path;

use kleidia_tower::rate_limit::{LimitFallback, RedisLimitStore, SharedLimits};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use zeroize::Zeroizing;

use crate::BoxError;
use crate::settings::{Fallback, Settings};

/// The variable with the URL of Redis.
const VARIABLE: &str = "REDIS_URL";

/// Returns the limits that are shared in Redis, or `None` if no URL is given.
pub(crate) fn shared_limits(settings: &Settings) -> Result<Option<SharedLimits>, BoxError> {
    let variable = || env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    let Some(url) = settings.redis.clone().or_else(|| variable().map(SecretString::from)) else {
        return if has_settings_of_shared_limits(settings) {
            Err("--limit-secret, --limit-timeout, --limit-fallback and --limit-nodes need --redis"
                .into())
        } else {
            Ok(None)
        };
    };
    let Some(path) = &settings.limit_secret else {
        return Err("--redis needs --limit-secret, a file that all portals have".into());
    };
    let store = RedisLimitStore::new(url.expose_secret());
    let store = store.map_err(|error| format!("--redis: {error}"))?;
    let limits = SharedLimits::new(store, &read_secret(path)?);
    let mut limits = limits.map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(timeout) = settings.limit_timeout {
        let with_timeout = limits.with_timeout(timeout.into());
        limits = with_timeout.map_err(|error| format!("--limit-timeout: {error}"))?;
    }
    Ok(Some(limits.with_fallback(fallback(settings)?)))
}

const fn has_settings_of_shared_limits(settings: &Settings) -> bool {
    let Settings { limit_secret, limit_timeout, limit_fallback, limit_nodes, .. } = settings;
    limit_secret.is_some()
        || limit_timeout.is_some()
        || limit_fallback.is_some()
        || limit_nodes.is_some()
}

fn fallback(settings: &Settings) -> Result<LimitFallback, BoxError> {
    match (settings.limit_fallback, settings.limit_nodes) {
        (Some(Fallback::Reject), None) => Ok(LimitFallback::Reject),
        (Some(Fallback::Reject), Some(_)) => {
            Err("--limit-nodes needs --limit-fallback share".into())
        }
        (Some(Fallback::Share) | None, Some(nodes)) => Ok(LimitFallback::Share { nodes }),
        (Some(Fallback::Share) | None, None) => Ok(LimitFallback::default()),
    }
}

/// Reads the secret, without white space around it.
fn read_secret(path: &Path) -> Result<SecretSlice<u8>, BoxError> {
    let read = fs::read(path).map(Zeroizing::new);
    let octets = read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(octets.trim_ascii().to_vec().into())
}
