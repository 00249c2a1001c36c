//! The cache of sessions, if the operator asks for one.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::session::{SessionCachingStore, SessionEvents};
use kleidia_tower::store::Store;
use kleidia_tower::{HealthError, SettingError};

use crate::BoxError;
use crate::database::Database;
use crate::settings::Settings;

/// Less would make each node send more than 40 heartbeats a second.
const MIN_STALENESS: Duration = Duration::from_millis(100);
const MAX_STALENESS: Duration = Duration::from_mins(1);

/// Returns the store for requests: with `--cache-sessions`, one that caches sessions.
pub(crate) fn store(database: &Database, settings: &Settings) -> Result<Arc<dyn Store>, BoxError> {
    let store = database.store();
    let Some(max_staleness) = settings.cache_sessions else { return Ok(store) };
    let named = |error| format!("--cache-sessions: {error}");
    let bounds = MIN_STALENESS..=MAX_STALENESS;
    let max = SettingError::check("maximum staleness", *max_staleness, bounds).map_err(named)?;
    let cached = SessionCachingStore::new(store).with_max_staleness(max).map_err(named)?;
    Ok(Arc::new(cached.with_clock(database.clock())))
}

/// Returns a check of the feed of changes by other nodes. Streams and keys of access tokens depend on
/// it, too, if no sessions are cached. A store without a feed never fails.
pub(crate) fn feed_check(
    store: &dyn Store,
) -> impl Fn() -> Result<(), HealthError> + Clone + Send + Sync + use<> {
    let events = store.session_events();
    move || events.as_ref().map_or(Ok(()), SessionEvents::health)
}
