//! Collects the ends of a session's streams, so that those of one cause are one record.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::{ClientInfo, SessionId, Timestamp};

/// How long ends are collected: an event ends most streams of a session, and their checks end those
/// that were opened at the same time.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// The maximum number of causes whose ends are collected.
const MAX_CAUSES: usize = 4096;

/// Streams of a session that have ended for one cause.
#[derive(Clone, Debug)]
pub(crate) struct EndedStreams {
    pub(crate) at: Timestamp,
    pub(crate) user: AuditIdentity,
    pub(crate) session: SessionId,
    /// What the clients were told.
    pub(crate) code: &'static str,
    pub(crate) streams: usize,
}

/// The session, and the cause.
pub(super) type Cause = (SessionId, &'static str);

/// The ends that are collected, each with the time of the first ones.
#[derive(Debug, Default)]
pub(super) struct StreamEnds(Mutex<Causes>);

type Causes = HashMap<Cause, (Instant, EndedStreams)>;

/// What is to be done about the ends of streams.
#[derive(Debug)]
pub(super) struct Collected {
    /// To be recorded now: there is no room for them, or nothing took them after their window.
    pub(super) due: Option<EndedStreams>,
    /// They are the first ones of their cause: take them after the window.
    pub(super) is_first: bool,
}

impl StreamEnds {
    pub(super) fn add(&self, ended: EndedStreams) -> Collected {
        let mut causes = self.causes();
        let has_room = causes.len() < MAX_CAUSES;
        match causes.entry(ended.cause()) {
            Entry::Occupied(mut found) => {
                let (since, collected) = found.get_mut();
                if since.elapsed() >= WINDOW {
                    let (_, earlier) = found.insert((Instant::now(), ended));
                    return Collected { due: Some(earlier), is_first: true };
                }
                collected.streams = collected.streams.saturating_add(ended.streams);
                Collected { due: None, is_first: false }
            }
            Entry::Vacant(entry) if has_room => {
                entry.insert((Instant::now(), ended));
                Collected { due: None, is_first: true }
            }
            Entry::Vacant(_) => Collected { due: Some(ended), is_first: false },
        }
    }

    pub(super) fn take(&self, cause: Cause) -> Option<EndedStreams> {
        self.causes().remove(&cause).map(|(_, ended)| ended)
    }

    pub(super) fn take_all(&self) -> Vec<EndedStreams> {
        self.causes().drain().map(|(_, (_, ended))| ended).collect()
    }

    fn causes(&self) -> MutexGuard<'_, Causes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EndedStreams {
    pub(super) const fn cause(&self) -> Cause {
        (self.session, self.code)
    }

    pub(super) fn into_event(self) -> AuditEvent {
        let Self { at, user, session, code, streams } = self;
        AuditEvent {
            at,
            kind: EventKind::StreamEnded,
            outcome: Outcome::Success,
            user: Some(user),
            actor: None,
            session: Some(session),
            // The streams of a session may have several.
            client: ClientInfo::default(),
            request: None,
            reason: Some(Reason::StreamsEnded { code, streams }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;

    fn ended(session: i64, code: &'static str) -> EndedStreams {
        let user = AuditIdentity { id: Some(UserId::new(1)), name: "alice".to_owned() };
        let at = Timestamp::constant(1_795_370_580, 0);
        EndedStreams { at, user, session: SessionId::new(session), code, streams: 2 }
    }

    fn is_first(collected: &Collected) -> bool {
        collected.is_first && collected.due.is_none()
    }

    fn is_added(collected: &Collected) -> bool {
        !collected.is_first && collected.due.is_none()
    }

    #[test]
    fn ends_of_one_cause_are_one_record() {
        let ends = StreamEnds::default();
        assert!(is_first(&ends.add(ended(1, "session_ended"))));
        assert!(is_first(&ends.add(ended(1, "permission_denied"))));
        assert!(is_added(&ends.add(ended(1, "session_ended"))));
        let event = ends.take((SessionId::new(1), "session_ended")).unwrap().into_event();
        assert_eq!(event.reason.unwrap().to_string(), "4 streams: session_ended");
        assert!(ends.take((SessionId::new(1), "session_ended")).is_none());
        assert_eq!(ends.take_all().len(), 1);
    }

    #[test]
    fn causes_are_bounded() {
        let ends = StreamEnds::default();
        for session in 0..MAX_CAUSES {
            let session = i64::try_from(session).unwrap();
            assert!(is_first(&ends.add(ended(session, "session_ended"))));
        }
        assert!(is_added(&ends.add(ended(0, "session_ended"))));
        let full = ends.add(ended(-1, "session_ended"));
        assert!(!full.is_first && full.due.is_some());
        assert_eq!(ends.take_all().len(), MAX_CAUSES);
        assert!(is_first(&ends.add(ended(-1, "session_ended"))));
    }
}
