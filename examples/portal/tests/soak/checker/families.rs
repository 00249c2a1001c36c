//! The requests of a user, by token family.

use std::collections::BTreeMap;

use crate::soak::history::{Call, Family, Outcome, Password, Request};

/// The requests that concern a user.
pub(super) struct UserHistory<'a> {
    /// All requests, in the order of their starts.
    pub(super) requests: Vec<&'a Request>,
    /// The requests of admins, and of users, that may end sessions or change the account.
    changes: Vec<&'a Request>,
    /// The login of each family, and the requests that present a token of it.
    families: BTreeMap<Family, FamilyHistory<'a>>,
}

/// The requests of a token family.
pub(super) struct FamilyHistory<'a> {
    pub(super) login: &'a Request,
    pub(super) password: Password,
    /// The requests that present one of its tokens, in the order of their starts.
    pub(super) uses: Vec<&'a Request>,
}

impl<'a> UserHistory<'a> {
    pub(super) fn new(history: &'a [Request], user: usize) -> Self {
        let requests: Vec<_> = history.iter().filter(|request| request.user == user).collect();
        let mut families = BTreeMap::new();
        for login in &requests {
            if let (Call::LogIn { password }, Outcome::Done(_)) = (&login.call, &login.outcome) {
                let password = *password;
                families.insert(login.id, FamilyHistory { login, password, uses: Vec::new() });
            }
        }
        for request in &requests {
            if let Some(id) = request.family()
                && let Some(family) = families.get_mut(&id)
            {
                family.uses.push(request);
            }
        }
        let is_change = |request: &&&Request| {
            let is_read = matches!(
                request.call,
                Call::WhoAmI { .. }
                    | Call::LogIn { .. }
                    | Call::Guess { .. }
                    | Call::Refresh { .. }
            );
            !is_read && request.may_be_done()
        };
        let changes = requests.iter().filter(is_change).copied().collect();
        Self { requests, changes, families }
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &FamilyHistory<'a>> {
        self.families.values()
    }

    /// Returns the requests that may have ended sessions or changed the account.
    pub(super) fn changes(&self) -> impl Iterator<Item = &'a Request> {
        self.changes.iter().copied()
    }

    /// Returns whether a request that enables the account may have taken effect after `earlier` and
    /// before `later`.
    pub(super) fn may_be_enabled_between(&self, earlier: &Request, later: &Request) -> bool {
        self.changes()
            .any(|request| request.call == Call::Enable && may_be_between(earlier, request, later))
    }

    /// Returns whether the account may have got this password after `earlier` and before `later`.
    pub(super) fn may_be_set_between(
        &self,
        earlier: &Request,
        password: Password,
        later: &Request,
    ) -> bool {
        self.changes().any(|request| {
            let sets = matches!(request.call, Call::ChangePassword { new, .. } if new == password);
            sets && request.id != earlier.id && may_be_between(earlier, request, later)
        })
    }
}

/// Returns whether a request may have taken effect after one and before another.
fn may_be_between(earlier: &Request, request: &Request, later: &Request) -> bool {
    request.latest_effect() > earlier.start && request.start < later.end
}
