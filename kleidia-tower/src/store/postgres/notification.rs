//! The text of a notification: an event of another node, or a heartbeat.

use std::fmt::Display;
use std::str::{FromStr, SplitWhitespace};

use crate::session::{AccountChange, EndReason, SessionEvent};

/// What a node says to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notification {
    Event(SessionEvent),
    /// Says nothing to others. The connection that sends it learns that everything before it was
    /// delivered.
    Heartbeat(Heartbeat),
}

/// The heartbeat of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heartbeat {
    /// The random id of the connection.
    pub(super) connection: u64,
    /// When it was sent: nanoseconds since the start of the connection.
    pub(super) sent_ns: u64,
}

impl Notification {
    /// Reads a notification. One that is unknown, as of a newer node, may be about anything.
    pub(super) fn parse(text: &str) -> Self {
        Self::parse_known(text).unwrap_or(Self::Event(SessionEvent::Missed))
    }

    fn parse_known(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let parsed = match words.next()? {
            "ended" => {
                let (user, session) = (next(&mut words)?, next(&mut words)?);
                let reason = EndReason::from_name(words.next()?)?;
                Self::Event(SessionEvent::SessionEnded { session, user, reason })
            }
            "agent" => {
                let (user, session) = (next(&mut words)?, next(&mut words)?);
                Self::Event(SessionEvent::AgentRegistered { session, user })
            }
            "authenticated" => {
                let (user, session) = (next(&mut words)?, next(&mut words)?);
                Self::Event(SessionEvent::Authenticated { session, user })
            }
            "account" => {
                let (user, change) = (next(&mut words)?, AccountChange::from_name(words.next()?)?);
                Self::Event(SessionEvent::AccountChanged { user, change })
            }
            "keys-withdrawn" => Self::Event(SessionEvent::KeysWithdrawn),
            "heartbeat" => {
                let (connection, sent_ns) = (next(&mut words)?, next(&mut words)?);
                Self::Heartbeat(Heartbeat { connection, sent_ns })
            }
            _ => return None,
        };
        words.next().is_none().then_some(parsed)
    }
}

fn next<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

impl Heartbeat {
    pub(super) fn text(self) -> String {
        format!("heartbeat {} {}", self.connection, self.sent_ns)
    }
}

/// Returns the text of an event for the other nodes: at most 70 octets.
pub(super) fn text(event: SessionEvent) -> Option<String> {
    let join = |kind, user: &dyn Display, rest: &dyn Display| format!("{kind} {user} {rest}");
    Some(match event {
        SessionEvent::SessionEnded { session, user, reason } => {
            join("ended", &user, &format_args!("{session} {}", reason.as_str()))
        }
        SessionEvent::AgentRegistered { session, user } => join("agent", &user, &session),
        SessionEvent::Authenticated { session, user } => join("authenticated", &user, &session),
        SessionEvent::AccountChanged { user, change } => join("account", &user, &change.as_str()),
        SessionEvent::KeysWithdrawn => "keys-withdrawn".to_owned(),
        SessionEvent::Missed | SessionEvent::UpToDate { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SessionId, UserId};

    #[test]
    fn events_round_trip() {
        let (session, user) = (SessionId::new(i64::MAX), UserId::new(i64::MIN));
        for event in [
            SessionEvent::SessionEnded { session, user, reason: EndReason::PasswordChanged },
            SessionEvent::AgentRegistered { session, user },
            SessionEvent::Authenticated { session, user },
            SessionEvent::AccountChanged { user, change: AccountChange::SessionsEnded },
            SessionEvent::KeysWithdrawn,
        ] {
            let text = text(event).unwrap();
            assert_eq!(Notification::parse(&text), Notification::Event(event));
            assert!(text.len() <= 70, "{text}");
        }
        let heartbeat = Heartbeat { connection: u64::MAX, sent_ns: 7 };
        assert_eq!(Notification::parse(&heartbeat.text()), Notification::Heartbeat(heartbeat));
    }

    #[test]
    fn unknown_notification_is_missed() {
        for text in [
            "",
            "ended",
            "ended 7",
            "ended 7 8",
            "ended 7 8 boredom",
            "ended 7 8 logout 9",
            "account 7 renamed",
            "keys-withdrawn 7",
            "heartbeat 7 -1",
            "merged 7 8",
        ] {
            let parsed = Notification::parse(text);
            assert_eq!(parsed, Notification::Event(SessionEvent::Missed), "{text}");
        }
    }
}
