//! Which callers may have which tokens.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderValue;
use kliento::{Token, TokenBundle};

use super::config::{Rule, Uids, Values};

/// The rules of a configuration. What no rule allows is denied.
#[derive(Clone, Debug)]
pub(super) struct AllowList(Vec<AllowRule>);

#[derive(Clone, Debug)]
struct AllowRule {
    /// `None` for all callers.
    uids: Option<BTreeSet<u32>>,
    audiences: BTreeSet<String>,
    /// The allowed values of each claim, or `None` for all values.
    claims: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// A caller of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// A process with this user id, over the Unix socket.
    User(u32),
    /// Any process of the machine, over the loopback interface.
    Loopback,
}

impl AllowList {
    /// Creates the list. Rules without user ids are for these users.
    pub(super) fn new(rules: Vec<Rule>, default_uids: &BTreeSet<u32>) -> Self {
        Self(rules.into_iter().map(|rule| AllowRule::new(rule, default_uids)).collect())
    }

    /// Returns whether the caller may have any token.
    pub(super) fn knows(&self, caller: Caller) -> bool {
        self.0.iter().any(|rule| rule.includes(caller))
    }

    /// Returns whether one rule allows the caller this token, with all of its claims.
    pub(super) fn allows(&self, caller: Caller, token: &Token) -> bool {
        self.0.iter().any(|rule| rule.includes(caller) && rule.allows(token))
    }

    /// Returns whether one rule allows the caller the token of a bundle: VeraId Authority, and not
    /// the caller, chooses the claims of those that are exchanged.
    pub(super) fn allows_bundle(&self, caller: Caller, header: &HeaderValue) -> bool {
        let token =
            TokenBundle::from_authorization(header).and_then(|bundle| bundle.claimed_token());
        token.is_ok_and(|token| self.allows(caller, &token))
    }

    /// Returns whether each rule is for all callers: no other one is for callers on the loopback
    /// interface.
    pub(super) fn is_for_any_caller(&self) -> bool {
        self.0.iter().all(|rule| rule.uids.is_none())
    }
}

impl AllowRule {
    fn new(rule: Rule, default_uids: &BTreeSet<u32>) -> Self {
        let uids = match rule.uid {
            None => Some(default_uids.clone()),
            Some(Uids::One(uid)) => Some(BTreeSet::from([uid])),
            Some(Uids::Several(uids)) => Some(uids.into_iter().collect()),
            Some(Uids::Any(_)) => None,
        };
        let claims = rule.claims.into_iter().map(|(name, values)| match values {
            Values::Several(values) => (name, Some(values.into_iter().collect())),
            Values::All(_) => (name, None),
        });
        let audiences = rule.audiences.into_iter().collect();
        Self { uids, audiences, claims: claims.collect() }
    }

    fn includes(&self, caller: Caller) -> bool {
        match (caller, &self.uids) {
            (_, None) => true,
            (Caller::User(uid), Some(uids)) => uids.contains(&uid),
            (Caller::Loopback, Some(_)) => false,
        }
    }

    fn allows(&self, token: &Token) -> bool {
        let is_allowed = |(name, value): (&String, &String)| {
            let values = self.claims.get(name);
            values.is_some_and(|values| values.as_ref().is_none_or(|values| values.contains(value)))
        };
        self.audiences.contains(token.audience()) && token.claims().iter().all(is_allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://api.example.com";

    fn list(rules: &str) -> AllowList {
        #[derive(serde::Deserialize)]
        struct Rules {
            allow: Vec<Rule>,
        }
        AllowList::new(toml::from_str::<Rules>(rules).unwrap().allow, &BTreeSet::from([1000]))
    }

    #[test]
    fn denies_what_no_rule_allows() {
        let list = list(
            r#"
            [[allow]]
            audiences = ["https://api.example.com"]
            claims = { permission = ["read-only"], job = "*" }
            [[allow]]
            uid = [1001, 1002]
            audiences = ["https://other.example.com"]
            claims = { permission = ["all"] }
            "#,
        );
        let token = |audience: &str, claims: &[(&str, &str)]| {
            claims
                .iter()
                .fold(Token::new(audience), |token, (name, value)| token.with_claim(*name, *value))
        };
        let [one, two] = [Caller::User(1000), Caller::User(1002)];
        for (caller, audience, claims, expected) in [
            (one, API, &[][..], true),
            (one, API, &[("permission", "read-only")], true),
            (one, API, &[("permission", "read-only"), ("job", "42")], true),
            (one, API, &[("permission", "all")], false),
            (one, API, &[("role", "admin")], false),
            (one, API, &[("permission", "read-only"), ("role", "admin")], false),
            (one, "https://other.example.com", &[], false),
            (one, "https://API.example.com", &[], false),
            (two, "https://other.example.com", &[("permission", "all")], true),
            (two, API, &[], false),
            (Caller::User(0), API, &[], false),
            (Caller::Loopback, API, &[], false),
        ] {
            let allowed = list.allows(caller, &token(audience, claims));
            assert_eq!(allowed, expected, "{caller:?} {audience} {claims:?}");
        }
        assert!(list.knows(one) && list.knows(two) && !list.knows(Caller::User(0)));
        assert!(!list.is_for_any_caller());
    }

    #[test]
    fn includes_loopback_callers_in_any() {
        let list = list("[[allow]]\nuid = \"any\"\naudiences = [\"https://api.example.com\"]");
        for caller in [Caller::Loopback, Caller::User(7)] {
            assert!(list.allows(caller, &Token::new(API)));
        }
        assert!(list.is_for_any_caller());
    }
}
