//! No session or token is lost: what was acknowledged works until something may have ended it.

use std::time::Duration;

use super::Settings;
use super::families::{FamilyHistory, UserHistory};
use crate::soak::history::{Call, Request};

/// Access tokens expire later.
const MIN_LIFETIME: Duration = Duration::from_mins(20);
/// What a session that has ended, or a revoked token, is rejected with.
const LOSSES: [&str; 5] =
    ["account_disabled", "refresh_invalid", "refresh_reused", "session_expired", "token_invalid"];

pub(super) fn check(user: &UserHistory<'_>, settings: &Settings) -> Vec<String> {
    let mut violations = Vec::new();
    for family in user.families() {
        for request in family.uses.iter().filter(|request| request.is_rejected_with(&LOSSES)) {
            let is_young = request.end < family.login.end + MIN_LIFETIME;
            if is_young && !may_be_revoked(user, family, request, settings) {
                violations.push(format!("lost: {request:?}, {:?}", family.login));
            }
        }
    }
    violations
}

/// Returns whether anything may have ended the session of a family, or revoked its tokens, before a
/// request that presents one.
pub(super) fn may_be_revoked(
    user: &UserHistory<'_>,
    family: &FamilyHistory<'_>,
    request: &Request,
    settings: &Settings,
) -> bool {
    let may_precede = |other: &Request| {
        let latest = other.latest_effect().min(other.start + settings.max_delay);
        other.id != request.id && other.start < request.end && latest > family.login.start
    };
    let is_own = |other: &Request| other.family() == Some(family.login.id);
    let is_ended =
        user.changes().filter(|other| may_precede(other)).any(|other| match other.call {
            Call::LogOut { .. } => is_own(other),
            Call::ChangePassword { .. } => {
                !is_own(other) || matches!(request.call, Call::Refresh { .. })
            }
            Call::Enable => false,
            _ => true,
        });
    let is_reused = family
        .uses
        .iter()
        .any(|other| other.start < request.end && may_be_reuse(family, other, settings));
    is_ended || is_reused || is_displaced(user, family, request, settings)
}

/// Returns whether a token may have been presented again after the grace period.
fn may_be_reuse(family: &FamilyHistory<'_>, request: &Request, settings: &Settings) -> bool {
    let Call::Refresh { token } = request.call else { return false };
    // Whole seconds are compared, and responses take time.
    let grace = settings.grace.saturating_sub(Duration::from_secs(2));
    !request.is_done()
        && family.uses.iter().any(|other| {
            other.call == Call::Refresh { token }
                && other.id != request.id
                && other.may_be_done()
                && other.start + grace < request.latest_effect()
        })
}

/// Returns whether further logins may have exceeded the limit of sessions.
fn is_displaced(
    user: &UserHistory<'_>,
    family: &FamilyHistory<'_>,
    request: &Request,
    settings: &Settings,
) -> bool {
    let logins = user.requests.iter().filter(|other| {
        let is_login = matches!(other.call, Call::LogIn { .. }) && other.may_be_done();
        is_login && other.start < request.end && other.latest_effect() > family.login.start
    });
    logins.count() >= settings.max_sessions
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;
    use crate::soak::history::{INITIAL, Outcome};

    fn violations(sample: &Sample) -> usize {
        check(&UserHistory::new(&sample.history, 0), &Sample::SETTINGS).len()
    }

    #[test]
    fn finds_lost_sessions_and_tokens() {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        let next = sample.refresh(token, 1, 2..3);
        sample.rejected(Call::WhoAmI { family: token.family }, "session_expired", 4..5);
        sample.rejected(Call::Refresh { token: next }, "refresh_invalid", 4..5);
        // Neither of a token, nor of an active session.
        sample.rejected(Call::WhoAmI { family: token.family }, "rate_limited", 4..5);
        sample.rejected(Call::WhoAmI { family: token.family }, "token_expired", 2000..2001);
        assert_eq!(violations(&sample), 2);
    }

    #[test]
    fn accepts_losses_that_a_request_may_have_caused() {
        for cause in [
            Call::LogOut { family: 0 },
            Call::LogOutEverywhere { family: 9 },
            Call::ChangePassword { family: 9, new: 1 },
            Call::Disable,
            Call::EndSessions,
        ] {
            for outcome in [Outcome::Done(None), Outcome::Unknown] {
                let mut sample = Sample::default();
                let family = sample.log_in(0..1).family;
                sample.rejected(Call::WhoAmI { family }, "session_expired", 2..3);
                assert_eq!(violations(&sample), 1);
                sample.request(cause.clone(), outcome, 2..9);
                assert_eq!(violations(&sample), 0);
                sample.history[2].outcome = Outcome::NotSent;
                assert_eq!(violations(&sample), 1);
            }
        }
    }

    #[test]
    fn keeps_the_session_that_changes_the_password() {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        sample.done(Call::ChangePassword { family: token.family, new: 1 }, 2..3);
        sample.rejected(Call::Refresh { token }, "refresh_invalid", 4..5);
        assert_eq!(violations(&sample), 0);
        sample.rejected(Call::WhoAmI { family: token.family }, "session_expired", 4..5);
        assert_eq!(violations(&sample), 1);
    }

    #[test]
    fn accepts_losses_by_reuse_after_the_grace_period() {
        for (second, expected) in [(3, 1), (30, 0)] {
            let mut sample = Sample::default();
            let token = sample.log_in(0..1);
            sample.refresh(token, 1, 2..3);
            sample.rejected(Call::Refresh { token }, "refresh_reused", second..second + 1);
            assert_eq!(violations(&sample), expected, "{second}");
        }
    }

    #[test]
    fn accepts_losses_by_further_logins() {
        let mut sample = Sample::default();
        let family = sample.log_in(0..1).family;
        for _ in 0..100 {
            sample.done(Call::LogIn { password: INITIAL }, 2..3);
        }
        sample.rejected(Call::WhoAmI { family }, "session_expired", 4..5);
        assert_eq!(violations(&sample), 0);
    }
}
