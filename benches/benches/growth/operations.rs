//! The operations whose time must not grow with the database.

use std::time::{Duration, Instant};

use benches::Comparison;
use benches::Target::AtMost;
use kleidia_tower::SessionId;
use kleidia_tower::audit::{AuditQuery, AuditStore as _};
use kleidia_tower::session::{SessionLookup, SessionStore as _};

use crate::Size;
use crate::people::{People, client};

pub(crate) const OPERATIONS: usize = 7;
pub(crate) const NAMES: [&str; OPERATIONS] = [
    "the session of a request",
    "Accounts::log_in",
    "Accounts::refresh",
    "the sessions of a user",
    "a page of a user's audit records",
    "Accounts::log_out",
    "sealing the records of these",
];

/// The users of a round.
const USERS: u32 = 20;

/// Runs each operation for some users, and returns its mean time.
pub(crate) async fn run(people: &People, size: Size, round: usize) -> [Duration; OPERATIONS] {
    let round = u32::try_from(round).expect("a number");
    let mut times = [Duration::ZERO; OPERATIONS];
    for number in round * USERS..(round + 1) * USERS {
        // A prime spreads the users over the database.
        let user = 1 + number.wrapping_mul(100_003) % (size.sessions / 10);
        for (total, time) in times.iter_mut().zip(visit(people, size, user).await) {
            *total += time;
        }
    }
    times.map(|time| time / USERS)
}

/// Runs each operation once.
async fn visit(people: &People, size: Size, user: u32) -> [Duration; OPERATIONS] {
    let (name, mut lap) = (format!("user-{user}"), Instant::now());
    let mut elapsed = || std::mem::replace(&mut lap, Instant::now()).elapsed();
    let id = SessionId::new((user * 7 % size.sessions).max(1).into());
    let found = people.store.session(SessionLookup::Id(id)).await.expect("a result");
    let view = found.expect("the session");
    let request = elapsed();
    let tokens = people.log_in(&name, None).await;
    let login = elapsed();
    people.refresh(&tokens.refresh_token).await;
    let refresh = elapsed();
    let sessions = people.accounts.sessions(tokens.session.account.id).await.expect("a result");
    assert!(sessions.len() > 10 && view.session.end.is_none());
    let listed = elapsed();
    let query = AuditQuery { user: Some(name), limit: 10, ..AuditQuery::default() };
    let records = people.store.records(&query).await.expect("a result");
    assert_eq!(records.len(), 10);
    let page = elapsed();
    people.accounts.log_out(&tokens.session, client()).await.expect("a result");
    let logout = elapsed();
    people.store.seal().await.expect("a checkpoint");
    [request, login, refresh, listed, page, logout, elapsed()]
}

/// Compares the medians of the rounds.
pub(crate) fn compare(
    small: &[[Duration; OPERATIONS]],
    large: &[[Duration; OPERATIONS]],
) -> Vec<Comparison> {
    let medians = |rounds: &[[Duration; OPERATIONS]], index: usize| {
        let mut times: Vec<_> = rounds.iter().map(|round| round[index]).collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let compare = |(index, name): (usize, &&str)| {
        let baseline = ("the same in the small database", medians(small, index));
        let subject = ((*name).to_owned(), medians(large, index));
        Comparison::from_times(subject, baseline, Some(AtMost(1.25)))
    };
    NAMES.iter().enumerate().map(compare).collect()
}
