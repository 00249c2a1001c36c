//! A disabled account can do nothing, and only the current password opens a session.

use std::time::Duration;

use super::Settings;
use super::families::UserHistory;
use crate::soak::history::{Call, INITIAL, Password, Request};

pub(super) fn check(user: &UserHistory<'_>, settings: &Settings) -> Vec<String> {
    let mut violations = Vec::new();
    for request in user.requests.iter().filter(|request| request.is_done()) {
        if let Some(disabled) = disabled_before(user, request, settings) {
            violations.push(format!("works while disabled: {request:?}, {disabled:?}"));
        }
        if let Call::LogIn { password } = request.call {
            violations.extend(check_password(user, request, password));
        }
    }
    violations
}

/// Returns the request that has surely disabled the account before this one of its user.
fn disabled_before<'a>(
    user: &UserHistory<'a>,
    request: &Request,
    settings: &Settings,
) -> Option<&'a Request> {
    let bound = match request.call {
        Call::LogIn { .. } | Call::Refresh { .. } => Duration::ZERO,
        _ if request.family().is_some() => settings.access_bounds[request.node],
        _ => return None,
    };
    user.changes().find(|change| {
        change.call == Call::Disable
            && change.is_done()
            && request.start > change.end + bound
            && !user.may_be_enabled_between(change, request)
    })
}

fn check_password(user: &UserHistory<'_>, login: &Request, password: Password) -> Option<String> {
    let is_initial = password == INITIAL;
    let may_be_set = user.changes().any(|change| {
        matches!(change.call, Call::ChangePassword { new, .. } if new == password)
            && change.start < login.end
    });
    if !is_initial && !may_be_set {
        return Some(format!("opens a session with a wrong password: {login:?}"));
    }
    let replaced = user.changes().find(|change| {
        matches!(change.call, Call::ChangePassword { new, .. } if new != password)
            && change.is_done()
            && change.end < login.start
            && !user.may_be_set_between(change, password, login)
    })?;
    Some(format!("opens a session with an old password: {login:?}, {replaced:?}"))
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;
    use crate::soak::history::{Outcome, WRONG};

    fn violations(sample: &Sample) -> usize {
        check(&UserHistory::new(&sample.history, 0), &Sample::SETTINGS).len()
    }

    #[test]
    fn finds_requests_of_a_disabled_account() {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        sample.done(Call::Disable, 2..4);
        // Before its end, and after the account may have been enabled.
        sample.who_am_i(token.family, 3..5);
        sample.done(Call::Enable, 20..21);
        sample.log_in(19..22);
        sample.log_in(30..31);
        assert_eq!(violations(&sample), 0);
        sample.who_am_i(token.family, 5..6);
        sample.refresh(token, 9, 5..6);
        sample.log_in(5..6);
        assert_eq!(violations(&sample), 3);
        sample.request(Call::Enable, Outcome::Unknown, 1..2);
        assert_eq!(violations(&sample), 0);
    }

    #[test]
    fn finds_logins_with_a_wrong_password() {
        let mut sample = Sample::default();
        let log_in = |password| Call::LogIn { password };
        sample.done(log_in(INITIAL), 0..1);
        assert_eq!(violations(&sample), 0);
        sample.done(log_in(WRONG), 0..1);
        assert_eq!(violations(&sample), 1);
        sample.done(log_in(1), 0..1);
        assert_eq!(violations(&sample), 2);
        sample.request(Call::ChangePassword { family: 0, new: 1 }, Outcome::Unknown, 0..9);
        assert_eq!(violations(&sample), 1);
    }

    #[test]
    fn finds_logins_with_an_old_password() {
        let mut sample = Sample::default();
        let change = |new| Call::ChangePassword { family: 0, new };
        sample.log_in(0..1);
        sample.done(change(1), 2..3);
        sample.log_in(3..4);
        sample.done(Call::LogIn { password: 1 }, 5..6);
        assert_eq!(violations(&sample), 0);
        sample.log_in(4..5);
        assert_eq!(violations(&sample), 1);
        sample.done(change(2), 7..8);
        sample.done(Call::LogIn { password: 1 }, 9..10);
        assert_eq!(violations(&sample), 2);
    }
}
