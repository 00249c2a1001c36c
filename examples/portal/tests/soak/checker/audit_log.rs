//! Each acknowledged change has its record, and nothing else has one.

use std::collections::BTreeMap;

use super::families::{FamilyHistory, UserHistory};
use super::losses::may_be_revoked;
use super::{Record, Settings};
use crate::soak::history::{Call, Outcome, Request};

/// The records of what changes something.
const CHANGES: [&str; 8] = [
    "login.success",
    "logout",
    "password.changed",
    "session.created",
    "session.ended",
    "token.refresh",
    "user.disabled",
    "user.enabled",
];

/// How many records of each change a request has.
type Counts<'a> = BTreeMap<&'a str, usize>;

pub(super) fn check(
    user: &UserHistory<'_>,
    records: &[Record],
    settings: &Settings,
) -> Vec<String> {
    let counts = counts(records);
    let none = Counts::new();
    let mut violations = Vec::new();
    for request in &user.requests {
        let found = counts.get(&request.id).unwrap_or(&none);
        if !has_expected_records(user, request, found, settings) {
            violations.push(format!("wrong records: {request:?}, {found:?}"));
        }
    }
    violations
}

/// Checks that records are of requests that were sent, and are no changes of rejected ones.
pub(super) fn check_origins(history: &[Request], records: &[Record]) -> Vec<String> {
    let mut violations = Vec::new();
    for record in records {
        let Some(id) = record.request else { continue };
        let is_change = record.is_success && CHANGES.contains(&record.event.as_str());
        let explained = match history.get(id).map(|request| &request.outcome) {
            None | Some(Outcome::NotSent) => false,
            Some(Outcome::Rejected(code)) => {
                // The reuse of a token ends its session.
                !is_change || (code == "refresh_reused" && record.event == "session.ended")
            }
            Some(Outcome::Done(_) | Outcome::Unknown) => true,
        };
        if !explained {
            violations.push(format!("unexplained: {record:?}, {:?}", history.get(id)));
        }
    }
    violations
}

/// Counts the records by request, successes apart from failures.
fn counts(records: &[Record]) -> BTreeMap<usize, Counts<'_>> {
    let mut counts = BTreeMap::<usize, Counts<'_>>::new();
    for record in records {
        if let Some(id) = record.request {
            let reason = record.reason.as_deref().unwrap_or_default();
            let event = match (record.event.as_str(), record.is_success) {
                ("token.refresh", false) => "rejected refresh",
                ("session.ended", _) if reason.contains(" expired session") => "expired sessions",
                (event, _) => event,
            };
            *counts.entry(id).or_default().entry(event).or_default() += 1;
        }
    }
    counts
}

fn has_expected_records(
    user: &UserHistory<'_>,
    request: &Request,
    found: &Counts<'_>,
    settings: &Settings,
) -> bool {
    let count = |event| found.get(event).copied().unwrap_or_default();
    // Settling a login again, after its outcome was unknown, repeats no success.
    let once = ["login.success", "token.refresh", "password.changed", "user.disabled"];
    if once.iter().any(|event| count(*event) > 1) {
        return false;
    }
    if request.is_rejected_with(&["invalid_credentials"]) {
        return count("login.failure") + count("login.locked") > 0;
    }
    if request.is_rejected_with(&["refresh_reused"]) {
        return count("token.reuse") == 1;
    }
    if !request.is_done() {
        return true;
    }
    match request.call {
        Call::LogIn { .. } => count("login.success") == 1 && count("session.created") == 1,
        Call::Refresh { .. } => count("token.refresh") == 1,
        Call::LogOut { .. } | Call::LogOutEverywhere { .. } => {
            // Another request may have ended the session meanwhile. It may have expired, too.
            let is_ended = count("logout") == count("session.ended")
                && count("logout") + count("expired sessions") > 0;
            let family = user.families().find(|family| Some(family.login.id) == request.family());
            is_ended || family.is_some_and(|own| may_be_revoked(user, own, request, settings))
        }
        Call::ChangePassword { .. } => count("password.changed") == 1,
        Call::Disable => count("user.disabled") == 1 || may_be_repeated(user, request, settings),
        Call::Enable => count("user.enabled") == 1 || may_be_repeated(user, request, settings),
        Call::EndSessions => {
            let is_ended = count("session.ended") + count("expired sessions") > 0;
            is_ended || !user.families().any(|family| is_valid(user, family, request, settings))
        }
        Call::WhoAmI { .. } | Call::Guess { .. } => true,
    }
}

/// Returns whether a family certainly has an active session before a request, or refresh tokens that
/// can reopen one.
fn is_valid(
    user: &UserHistory<'_>,
    family: &FamilyHistory<'_>,
    request: &Request,
    settings: &Settings,
) -> bool {
    // The session that changes the password stays active, but without refresh tokens.
    let keeps_session =
        |other: &&Request| matches!(other.call, Call::ChangePassword { .. }) && other.may_be_done();
    family.login.end < request.start
        && !family.uses.iter().any(keeps_session)
        && !may_be_revoked(user, family, request, settings)
}

/// Returns whether the account may already be in the state that a request sets: one admin at a time
/// sends such requests.
fn may_be_repeated(user: &UserHistory<'_>, request: &Request, settings: &Settings) -> bool {
    let is_switch = |call: &Call| matches!(call, Call::Disable | Call::Enable);
    let switches = user.changes().filter(|other| is_switch(&other.call) && other.id != request.id);
    let earlier: Vec<_> = switches.filter(|other| other.start < request.end).collect();
    let last = earlier.iter().filter(|other| other.is_done()).max_by_key(|other| other.end);
    // Accounts are enabled at first.
    let is_same = last.map_or(request.call == Call::Enable, |last| last.call == request.call);
    let may_follow = |other: &&Request| {
        other.outcome == Outcome::Unknown && other.start + settings.max_delay > request.start
    };
    is_same || earlier.iter().any(may_follow)
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn violations(sample: &Sample) -> usize {
        let user = UserHistory::new(&sample.history, 0);
        check(&user, &sample.records, &Sample::SETTINGS).len()
            + check_origins(&sample.history, &sample.records).len()
    }

    /// Counts the violations if a change after a login has this record, or not.
    fn violations_of(call: Call, event: &str) -> [usize; 2] {
        let mut sample = Sample::default();
        sample.log_in(0..1);
        sample.record(0, "login.success", None);
        sample.record(0, "session.created", None);
        sample.done(call, 2..3);
        let without = violations(&sample);
        sample.record(1, event, None);
        if event == "logout" {
            sample.record(1, "session.ended", None);
        }
        [without, violations(&sample)]
    }

    #[test]
    fn finds_acknowledged_changes_without_a_record() {
        let token = crate::soak::history::Token { family: 0, number: 0 };
        for (call, event) in [
            (Call::LogOut { family: 0 }, "logout"),
            (Call::LogOutEverywhere { family: 0 }, "logout"),
            (Call::ChangePassword { family: 0, new: 1 }, "password.changed"),
            (Call::Refresh { token }, "token.refresh"),
            (Call::Disable, "user.disabled"),
            (Call::EndSessions, "session.ended"),
        ] {
            assert_eq!(violations_of(call.clone(), event), [1, 0], "{call:?}");
        }
        let mut sample = Sample::default();
        sample.log_in(0..1);
        sample.record(0, "login.success", None);
        assert_eq!(violations(&sample), 1);
    }

    #[test]
    fn revoked_tokens_of_expired_sessions_have_a_record() {
        for call in
            [Call::LogOut { family: 0 }, Call::LogOutEverywhere { family: 0 }, Call::EndSessions]
        {
            let mut sample = Sample::default();
            sample.log_in(0..1);
            sample.record(0, "login.success", None);
            sample.record(0, "session.created", None);
            sample.done(call.clone(), 4000..4001);
            assert_eq!(violations(&sample), 1, "{call:?}");
            sample.record(1, "session.ended", Some("1 expired session: logout"));
            assert_eq!(violations(&sample), 0, "{call:?}");
        }
    }

    #[test]
    fn end_of_no_session_has_no_record() {
        let mut sample = Sample::default();
        sample.done(Call::EndSessions, 0..1);
        assert_eq!(violations(&sample), 0);
        sample.log_in(2..3);
        sample.record(1, "login.success", None);
        sample.record(1, "session.created", None);
        sample.done(Call::LogOut { family: 1 }, 4..5);
        sample.record(2, "logout", None);
        sample.record(2, "session.ended", None);
        sample.done(Call::EndSessions, 6..7);
        assert_eq!(violations(&sample), 0);
    }

    #[test]
    fn account_that_is_disabled_again_has_no_record() {
        let mut sample = Sample::default();
        sample.done(Call::Enable, 0..1);
        sample.done(Call::Disable, 2..3);
        sample.record(1, "user.disabled", None);
        sample.done(Call::Disable, 4..5);
        assert_eq!(violations(&sample), 0);
        sample.done(Call::Enable, 6..7);
        assert_eq!(violations(&sample), 1);
        sample.request(Call::Enable, Outcome::Unknown, 5..6);
        assert_eq!(violations(&sample), 0);
    }

    #[test]
    fn finds_repeated_records() {
        let mut sample = Sample::default();
        sample.log_in(0..1);
        sample.record(0, "session.created", None);
        for expected in [0, 1] {
            sample.record(0, "login.success", None);
            assert_eq!(violations(&sample), expected);
        }
    }

    #[test]
    fn finds_records_of_rejected_and_unknown_requests() {
        for (outcome, expected) in [
            (Outcome::Unknown, 0),
            (Outcome::NotSent, 1),
            (Outcome::Rejected("session_expired".to_owned()), 1),
        ] {
            let mut sample = Sample::default();
            sample.request(Call::LogOut { family: 9 }, outcome, 0..1);
            sample.record(0, "session.ended", None);
            assert_eq!(violations(&sample), expected);
        }
        let mut sample = Sample::default();
        sample.record(0, "session.ended", None);
        assert_eq!(violations(&sample), 1);
    }

    #[test]
    fn finds_failures_without_a_record() {
        let mut sample = Sample::default();
        let log_in = Call::LogIn { password: crate::soak::history::WRONG };
        sample.rejected(log_in, "invalid_credentials", 0..1);
        assert_eq!(violations(&sample), 1);
        sample.record(0, "login.failure", None);
        assert_eq!(violations(&sample), 0);
    }
}
