//! Sessions as they were a moment ago, unless something has happened to them since.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::{SessionKey, SessionView};
use crate::{SessionId, UserId};

/// Sessions as they were when they were looked up.
///
/// Everything that happens to a session or its user takes a number, once the store has it. A
/// look-up notes the last number before it asks the store, so what was found before something
/// happened is never believed after, however late it comes.
pub(super) struct SessionCache {
    found: Cache<SessionKey, Found>,
    staleness: Duration,
    last: AtomicU64,
    /// The number of what happened last, to any of those that share a place.
    happened: Box<[AtomicU64]>,
    places: RandomState,
}

/// When a look-up began.
#[derive(Clone, Copy)]
pub(super) struct Beginning {
    instant: Instant,
    number: u64,
}

#[derive(Clone)]
struct Found {
    view: SessionView,
    since: Beginning,
}

/// To whom something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Concerned {
    /// To who knows whom.
    Anybody,
    /// To all sessions of a user.
    User(UserId),
    /// To one session.
    Session(SessionId),
}

/// Enough that what happens to others seldom looks as if it had happened here: 128 KiB.
const PLACES: usize = 1 << 14;

impl SessionCache {
    pub(super) fn new(capacity: u64, staleness: Duration) -> Self {
        Self {
            found: Cache::builder().max_capacity(capacity).time_to_live(staleness).build(),
            staleness,
            last: AtomicU64::new(0),
            happened: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            places: RandomState::new(),
        }
    }

    pub(super) fn get(&self, key: &SessionKey) -> Option<SessionView> {
        let Found { view, since } = self.found.get(key)?;
        self.still_holds(&view, since).then_some(view)
    }

    /// To be called before the store is asked.
    pub(super) fn begin(&self) -> Beginning {
        Beginning { instant: Instant::now(), number: self.last.load(Ordering::SeqCst) }
    }

    pub(super) fn insert(&self, key: SessionKey, view: SessionView, since: Beginning) {
        if self.still_holds(&view, since) {
            self.found.insert(key, Found { view, since });
        }
    }

    /// To be called once the store has it, and before anybody is told that it is done.
    pub(super) fn happened_to(&self, concerned: Concerned) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(place) = self.place(concerned) {
            place.fetch_max(number, Ordering::SeqCst);
        }
    }

    fn still_holds(&self, view: &SessionView, since: Beginning) -> bool {
        let nothing_happened = |concerned| {
            let place = self.place(concerned);
            place.is_some_and(|place| place.load(Ordering::SeqCst) <= since.number)
        };
        since.instant.elapsed() < self.staleness
            && nothing_happened(Concerned::Anybody)
            && nothing_happened(Concerned::User(view.account.id))
            && nothing_happened(Concerned::Session(view.session.id))
    }

    fn place(&self, concerned: Concerned) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.places.hash_one(concerned) % PLACES as u64);
        self.happened.get(hash.ok()?)
    }
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCache")
            .field("sessions", &self.found.entry_count())
            .field("staleness", &self.staleness)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::account::Account;
    use crate::session::Session;
    use crate::{ClientInfo, FamilyId, Timestamp};

    const HOUR: Duration = Duration::from_secs(3600);

    fn view(user: i64, id: i64) -> SessionView {
        let (user, id) = (UserId::new(user), SessionId::new(id));
        let session = Session {
            id,
            user,
            family: FamilyId::new(1),
            client: ClientInfo::default(),
            created_at: Timestamp::UNIX_EPOCH,
            authenticated_at: Timestamp::UNIX_EPOCH,
            last_seen_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::constant(3600, 0),
            end: None,
            agent_key: None,
        };
        let account = Account {
            id: user,
            name: "alice".parse().unwrap(),
            roles: [].into(),
            is_disabled: false,
            created_at: Timestamp::UNIX_EPOCH,
            password_changed_at: Timestamp::UNIX_EPOCH,
        };
        SessionView { session: Arc::new(session), account: Arc::new(account) }
    }

    const KEY: SessionKey = SessionKey::Id(SessionId::new(7));

    #[test]
    fn what_was_found_before_something_happened_is_not_believed_after() {
        for concerned in [
            Concerned::Session(SessionId::new(7)),
            Concerned::User(UserId::new(1)),
            Concerned::Anybody,
        ] {
            let cache = SessionCache::new(10, HOUR);
            let before = cache.begin();
            cache.insert(KEY, view(1, 7), before);
            assert!(cache.get(&KEY).is_some());
            cache.happened_to(concerned);
            assert!(cache.get(&KEY).is_none(), "{concerned:?}");
            // A look-up that was under way comes in late.
            cache.insert(KEY, view(1, 7), before);
            assert!(cache.get(&KEY).is_none(), "{concerned:?}");
            cache.insert(KEY, view(1, 7), cache.begin());
            assert!(cache.get(&KEY).is_some(), "{concerned:?}");
        }
    }

    #[test]
    fn what_happens_to_others_changes_nothing() {
        let cache = SessionCache::new(10, HOUR);
        cache.insert(KEY, view(1, 7), cache.begin());
        // By chance one may share the place; not all of so few.
        let forgotten = (100..110).filter(|other| {
            cache.happened_to(Concerned::Session(SessionId::new(*other)));
            cache.get(&KEY).is_none()
        });
        assert!(forgotten.count() < 10);
    }

    #[test]
    fn nothing_is_believed_for_longer_than_said() {
        let cache = SessionCache::new(10, Duration::ZERO);
        cache.insert(KEY, view(1, 7), cache.begin());
        assert!(cache.get(&KEY).is_none());
    }
}
