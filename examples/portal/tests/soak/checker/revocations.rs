//! No token works after the acknowledged revocation of its family.

use std::time::Duration;

use super::Settings;
use super::families::{FamilyHistory, UserHistory};
use crate::soak::history::{Call, Request};

pub(super) fn check(user: &UserHistory<'_>, settings: &Settings) -> Vec<String> {
    let mut violations = Vec::new();
    for family in user.families() {
        let revocation = Revocation::find(user, family);
        for request in family.uses.iter().filter(|request| request.is_done()) {
            let (revoked_by, bound) = match request.call {
                Call::Refresh { .. } => (revocation.refresh, Duration::ZERO),
                _ => (revocation.access, settings.access_bounds[request.node]),
            };
            if let Some(revoked_by) = revoked_by.filter(|by| request.start > by.end + bound) {
                violations.push(format!("works after its revocation: {request:?}, {revoked_by:?}"));
            }
        }
    }
    violations
}

/// The first acknowledged request that has revoked the access tokens of a family, and its refresh
/// tokens.
#[derive(Clone, Copy, Default)]
struct Revocation<'a> {
    access: Option<&'a Request>,
    refresh: Option<&'a Request>,
}

impl<'a> Revocation<'a> {
    fn find(user: &UserHistory<'a>, family: &FamilyHistory<'a>) -> Self {
        let mut found = Self::default();
        for request in user.changes().chain(family.uses.iter().copied()) {
            if revokes(user, request, family) {
                found.refresh = Some(earliest(found.refresh, request));
                let keeps_session = matches!(request.call, Call::ChangePassword { .. })
                    && request.family() == Some(family.login.id);
                if !keeps_session {
                    found.access = Some(earliest(found.access, request));
                }
            }
        }
        found
    }
}

fn earliest<'a>(found: Option<&'a Request>, request: &'a Request) -> &'a Request {
    found.filter(|found| found.end <= request.end).unwrap_or(request)
}

/// Returns whether an acknowledged request has surely revoked a family.
fn revokes(user: &UserHistory<'_>, request: &Request, family: &FamilyHistory<'_>) -> bool {
    let is_own = request.family() == Some(family.login.id);
    match request.call {
        Call::Refresh { .. } => is_own && request.is_rejected_with(&["refresh_reused"]),
        _ if !request.is_done() => false,
        Call::LogOut { .. } => is_own,
        Call::LogOutEverywhere { .. } | Call::ChangePassword { .. } if is_own => true,
        Call::LogOutEverywhere { .. } | Call::EndSessions => is_later(request, family),
        // A login after it would have failed, unless the account was enabled in between.
        Call::Disable => {
            is_later(request, family) || !user.may_be_enabled_between(request, family.login)
        }
        // A login with another password after it would have failed, likewise.
        Call::ChangePassword { new, .. } => {
            let needs_other = family.password != new
                && !user.may_be_set_between(request, family.password, family.login);
            is_later(request, family) || needs_other
        }
        _ => false,
    }
}

/// Returns whether a request surely took effect after the login of a family.
fn is_later(request: &Request, family: &FamilyHistory<'_>) -> bool {
    request.start > family.login.end
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;
    use crate::soak::history::{INITIAL, Outcome};

    fn violations(sample: &Sample, access_bound: Duration) -> usize {
        let access_bounds = [access_bound, Duration::ZERO];
        let settings = Settings { access_bounds, ..Sample::SETTINGS };
        check(&UserHistory::new(&sample.history, 0), &settings).len()
    }

    /// Counts the violations if requests of a family succeed before and after an acknowledged one.
    fn violations_after(call: impl Fn(usize) -> Call) -> usize {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        sample.who_am_i(token.family, 2..3);
        sample.done(call(token.family), 4..6);
        // Before its end.
        sample.who_am_i(token.family, 5..9);
        sample.refresh(token, token.number + 10, 5..7);
        assert_eq!(violations(&sample, Duration::ZERO), 0);
        sample.who_am_i(token.family, 7..8);
        sample.refresh(token, token.number + 10, 7..8);
        violations(&sample, Duration::ZERO)
    }

    #[test]
    fn finds_tokens_that_work_after_their_revocation() {
        assert_eq!(violations_after(|family| Call::LogOut { family }), 2);
        assert_eq!(violations_after(|family| Call::LogOutEverywhere { family }), 2);
        assert_eq!(violations_after(|_| Call::Disable), 2);
        assert_eq!(violations_after(|_| Call::EndSessions), 2);
        // The session that changes the password stays, without refresh tokens.
        assert_eq!(violations_after(|family| Call::ChangePassword { family, new: 1 }), 1);
        assert_eq!(violations_after(|_| Call::ChangePassword { family: 99, new: 1 }), 2);
        assert_eq!(violations_after(|_| Call::Enable), 0);
        assert_eq!(violations_after(|_| Call::LogOut { family: 99 }), 0);
    }

    #[test]
    fn finds_families_that_work_after_reuse() {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        sample.rejected(Call::Refresh { token }, "refresh_reused", 2..3);
        assert_eq!(violations(&sample, Duration::ZERO), 0);
        sample.who_am_i(token.family, 4..5);
        assert_eq!(violations(&sample, Duration::ZERO), 1);
    }

    #[test]
    fn accepts_access_tokens_within_the_bound() {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        sample.done(Call::LogOut { family: token.family }, 2..3);
        sample.who_am_i(token.family, 5..6);
        assert_eq!(violations(&sample, Duration::from_secs(2)), 0);
        assert_eq!(violations(&sample, Duration::from_secs(1)), 1);
        sample.refresh(token, 9, 5..6);
        assert_eq!(violations(&sample, Duration::from_secs(2)), 1);
        // The other node has another bound.
        sample.history[2].node = 1;
        assert_eq!(violations(&sample, Duration::from_secs(2)), 2);
    }

    #[test]
    fn concurrent_login_may_be_the_later_one() {
        let mut sample = Sample::default();
        let family = sample.log_in(0..4).family;
        sample.done(Call::EndSessions, 2..3);
        sample.who_am_i(family, 5..6);
        assert_eq!(violations(&sample, Duration::ZERO), 0);
    }

    #[test]
    fn login_is_not_later_than_disabling_and_the_change_of_its_password() {
        for revocation in [Call::Disable, Call::ChangePassword { family: 99, new: 1 }] {
            let mut sample = Sample::default();
            let family = sample.log_in(0..4).family;
            sample.done(revocation, 2..3);
            sample.who_am_i(family, 5..6);
            assert_eq!(violations(&sample, Duration::ZERO), 1);
            // These may have come in between.
            sample.request(Call::Enable, Outcome::Unknown, 1..2);
            let back = Call::ChangePassword { family: 99, new: INITIAL };
            sample.request(back, Outcome::Unknown, 1..2);
            assert_eq!(violations(&sample, Duration::ZERO), 0);
        }
    }
}
