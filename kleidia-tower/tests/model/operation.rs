//! Random operations of users, admins and the clock.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::oracle::{Oracle, SESSION};

/// An operation. Users, sessions and tokens have the oracle's numbers.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create {
        name: &'static str,
        role: &'static str,
        actor: Option<usize>,
    },
    LogIn {
        user: usize,
        is_stale: bool,
        rehashes: bool,
    },
    Refresh {
        token: Presented,
        has_grace: bool,
    },
    LogOut {
        session: usize,
    },
    EndSession {
        by: usize,
        session: usize,
    },
    LogOutEverywhere {
        session: usize,
    },
    EndByAdmin {
        user: usize,
        actor: usize,
    },
    Update {
        user: usize,
        disable: Option<bool>,
        roles: Option<BTreeSet<&'static str>>,
        actor: usize,
    },
    ChangePassword {
        user: usize,
        is_stale: bool,
        kept: Option<usize>,
    },
    RegisterAgent {
        by: usize,
        session: usize,
    },
    Call {
        access_token: usize,
    },
    CallWithSessionToken {
        session: usize,
    },
    Touch {
        session: usize,
    },
    RotateKeys,
    Purge {
        limit: usize,
    },
    AdvanceClock {
        seconds: i64,
    },
    CompareState,
}

/// A value that is presented as a refresh token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Presented {
    Token(usize),
    SessionToken(usize),
    AccessToken(usize),
    Unknown,
}

const NAMES: [(&str, &str); 12] = [
    ("alice", "alice"),
    ("ALICE", "alice"),
    ("bob", "bob"),
    ("\u{ff22}ob", "bob"),
    ("carol", "carol"),
    ("dave", "dave"),
    ("eve", "eve"),
    ("Stra\u{df}e", "strasse"),
    ("STRASSE", "strasse"),
    ("frank", "frank"),
    ("grace", "grace"),
    ("heidi", "heidi"),
];

/// Returns the canonical form of one of the names.
pub(crate) fn canonical(name: &str) -> &'static str {
    NAMES.iter().find(|(variant, _)| *variant == name).map_or("", |(_, canonical)| canonical)
}

/// Chooses the next operation.
pub(crate) fn random_operation(
    random: &mut Rng,
    oracle: &Oracle,
    access_tokens: usize,
) -> Operation {
    let users = oracle.users.len();
    if users < 3 {
        return create(random, users);
    }
    let (user, actor) = (random.usize(..users), random.usize(..users));
    let Some(session) = random_session(random, oracle) else {
        return Operation::LogIn { user, is_stale: false, rehashes: false };
    };
    let rarely = random.u8(..8) == 0;
    match random.u32(..1000) {
        0..300 => Operation::Refresh {
            token: random_token(random, oracle, access_tokens),
            has_grace: random.u8(..10) > 0,
        },
        300..420 => Operation::LogIn { user, is_stale: rarely, rehashes: random.u8(..6) == 0 },
        420..600 if access_tokens > 0 => {
            // Recent tokens are chosen more often.
            let age = random.usize(..access_tokens).min(random.usize(..access_tokens));
            Operation::Call { access_token: access_tokens - 1 - age }
        }
        420..630 => Operation::CallWithSessionToken { session },
        630..665 => Operation::LogOut { session },
        665..690 => {
            Operation::EndSession { by: acting_session(random, oracle, session, rarely), session }
        }
        690..700 => Operation::LogOutEverywhere { session },
        700..708 => Operation::EndByAdmin { user, actor },
        708..745 => update(random, oracle, user, actor),
        745..765 => {
            let kept = (random.u8(..3) > 0).then_some(session);
            let owner = oracle.sessions[session].user;
            let user = if rarely { user } else { owner };
            Operation::ChangePassword { user, is_stale: random.u8(..5) == 0, kept }
        }
        765..800 => Operation::RegisterAgent {
            by: acting_session(random, oracle, session, rarely),
            session,
        },
        800..815 => Operation::Touch { session },
        815..822 => Operation::RotateKeys,
        822..838 => Operation::Purge { limit: random.usize(1..50) },
        838..845 => create(random, users),
        845..855 => Operation::CompareState,
        _ => Operation::AdvanceClock { seconds: random_seconds(random) },
    }
}

fn create(random: &mut Rng, users: usize) -> Operation {
    let (name, _) = NAMES[random.usize(..NAMES.len())];
    let role = if random.bool() { "user" } else { "admin" };
    Operation::Create { name, role, actor: (users > 0).then(|| random.usize(..users)) }
}

fn update(random: &mut Rng, oracle: &Oracle, user: usize, actor: usize) -> Operation {
    // Disabled users are soon enabled, or few operations would succeed.
    let disabled: Vec<_> =
        (0..oracle.users.len()).filter(|user| oracle.users[*user].is_disabled).collect();
    let disable = match random.u8(..10) {
        0..4 if !disabled.is_empty() => Some(false),
        4..7 => Some(true),
        7 => Some(false),
        _ => None,
    };
    let user = match disable {
        Some(false) if !disabled.is_empty() => disabled[random.usize(..disabled.len())],
        _ => user,
    };
    let roles = random.bool().then(|| {
        let all = ["admin", "auditor", "user"];
        all.into_iter().filter(|_| random.bool()).collect()
    });
    Operation::Update { user, disable, roles, actor }
}

/// Chooses a session, preferring active and recent ones.
fn random_session(random: &mut Rng, oracle: &Oracle) -> Option<usize> {
    let count = oracle.sessions.len();
    if count == 0 {
        return None;
    }
    let active: Vec<_> = (0..count).filter(|session| oracle.is_active(*session)).collect();
    if !active.is_empty() && random.u8(..10) < 7 {
        return Some(active[random.usize(..active.len())]);
    }
    let recent = count.saturating_sub(20);
    Some(if random.bool() { random.usize(recent..count) } else { random.usize(..count) })
}

/// Chooses the session that acts on this one: usually one of the same user.
fn acting_session(random: &mut Rng, oracle: &Oracle, session: usize, any_user: bool) -> usize {
    if any_user {
        return random.usize(..oracle.sessions.len());
    }
    let of_user = oracle.active_of(oracle.sessions[session].user);
    if of_user.is_empty() { session } else { of_user[random.usize(..of_user.len())] }
}

fn random_token(random: &mut Rng, oracle: &Oracle, access_tokens: usize) -> Presented {
    let count = oracle.tokens.len();
    let is_valid = |token: &usize| {
        let token = &oracle.tokens[*token];
        let family = oracle.sessions[token.session].family;
        token.consumed.is_none() && !oracle.families[family] && oracle.now < token.expires
    };
    let is_recent = |token: &usize| {
        let consumed = oracle.tokens[*token].consumed;
        consumed.is_some_and(|(at, _)| (oracle.now - at).abs() <= 60)
    };
    let all = 0..count;
    let chosen: Vec<_> = match random.u8(..20) {
        0..11 => all.filter(is_valid).collect(),
        11..16 => all.filter(is_recent).collect(),
        16..18 => all.collect(),
        18 if access_tokens > 0 => return Presented::AccessToken(random.usize(..access_tokens)),
        _ if random.bool() => {
            return Presented::SessionToken(random.usize(..oracle.sessions.len()));
        }
        _ => return Presented::Unknown,
    };
    if chosen.is_empty() {
        return Presented::Unknown;
    }
    Presented::Token(chosen[random.usize(..chosen.len())])
}

/// Chooses by how many seconds the clock advances, or is set back.
fn random_seconds(random: &mut Rng) -> i64 {
    match random.u8(..100) {
        0..45 => random.i64(1..6),
        45..62 => random.i64(8..13),
        62..76 => random.i64(50..600),
        76..84 => random.i64(1790..1810),
        84..90 => random.i64(SESSION - 20..SESSION + 20),
        90..93 => random.i64(3600..3 * 24 * 3600),
        93 => random.i64(7 * 24 * 3600..9 * 24 * 3600),
        94..98 => -random.i64(1..13),
        98 => -random.i64(13..7200),
        _ => -random.i64(7200..3 * 24 * 3600),
    }
}
