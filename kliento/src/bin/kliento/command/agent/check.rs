//! What a configuration says in vain, which is an error: an operator relies on it.

use std::collections::BTreeSet;

use super::AgentFailure;
use super::config::{Chain, Config, Rule, TokenSettings, Uids, Values};

/// Rejects settings that would have no effect. `has_allow_uid` is whether the option is given.
pub(super) fn check(config: &Config, has_allow_uid: bool) -> Result<(), AgentFailure> {
    check_identity(config)?;
    let exchanges = check_exchanges(config)?;
    let contradiction = |text| Err(AgentFailure::Contradiction(text));
    if config.listen.mode.is_some() && config.listen.address.is_some() {
        return contradiction("listen.mode is for listen.socket");
    }
    let rules = &config.rules;
    if has_allow_uid && rules.iter().all(|rule| rule.uid.is_some()) {
        return contradiction("--allow-uid is for rules without uid, and there is none");
    }
    for rule in rules {
        check_rule(rule)?;
        let unissued = |audience: &&String| !exchanges.contains(audience.as_str());
        if let Some(audience) = rule.audiences.iter().find(unissued).filter(|_| !signs(config)) {
            return Err(AgentFailure::NoIssuer(audience.clone()));
        }
    }
    Ok(())
}

/// Returns whether the agent signs tokens, rather than exchanging all of them.
pub(super) const fn signs(config: &Config) -> bool {
    config.identity.key.is_some() || config.identity.member_bundle.is_some()
}

fn check_identity(config: &Config) -> Result<(), AgentFailure> {
    if signs(config) {
        return Ok(());
    }
    let identity = &config.identity;
    if identity.exchange.is_empty() {
        let missing = "identity has none of key, member-bundle and exchange";
        return Err(AgentFailure::Contradiction(missing));
    }
    let TokenSettings { lifetime, backdating } = &config.token;
    for (is_set, text) in [
        (identity.member.is_some(), "identity.member needs identity.key"),
        (identity.member_key.is_some(), "identity.member-key needs key or member-bundle"),
        (config.chain != Chain::default(), "chain needs identity.key or member-bundle"),
        (lifetime.or(*backdating).is_some(), "token needs identity.key or member-bundle"),
        (config.organisation.is_some(), "organisation needs identity.key or member-bundle"),
    ] {
        if is_set {
            return Err(AgentFailure::Contradiction(text));
        }
    }
    Ok(())
}

/// Returns the audiences of the exchanges.
fn check_exchanges(config: &Config) -> Result<BTreeSet<&str>, AgentFailure> {
    let mut audiences = BTreeSet::new();
    for exchange in &config.identity.exchange {
        let audience = &exchange.audience;
        if !audiences.insert(audience.as_str()) {
            return Err(AgentFailure::DuplicateExchange(audience.clone()));
        }
        if !config.rules.iter().any(|rule| rule.audiences.contains(audience)) {
            return Err(AgentFailure::UnusedExchange(audience.clone()));
        }
    }
    Ok(audiences)
}

/// Rejects a rule that allows nothing.
fn check_rule(rule: &Rule) -> Result<(), AgentFailure> {
    let has_no_value = |values: &Values| matches!(values, Values::Several(all) if all.is_empty());
    let empty = if rule.audiences.is_empty() {
        "allow.audiences is empty"
    } else if matches!(&rule.uid, Some(Uids::Several(uids)) if uids.is_empty()) {
        "allow.uid is empty"
    } else if rule.claims.values().any(has_no_value) {
        "a claim of allow.claims has no value"
    } else {
        return Ok(());
    };
    Err(AgentFailure::Contradiction(empty))
}
