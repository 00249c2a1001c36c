//! Each way to end a session, or to take something from an account.

use std::time::{Duration, Instant};

use kleidia_tower::account::{Account, AccountStore as _, AccountUpdate, PasswordChange};
use kleidia_tower::session::{EndReason, NewSession, SessionSelector, SessionStore as _};
use kleidia_tower::store::PostgresStore;
use kleidia_tower::{SessionId, UserId};
use test_servers::PostgresServer;

use super::{BOUND, Nodes};
use crate::numbered::{at, create, hash, log_in, new_session, operator, rotation};

#[tokio::test(flavor = "multi_thread")]
async fn ended_session_is_rejected_within_the_bound() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    logout_delays(&nodes, 300).await;
}

/// Prints the delays of 10,000 logouts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_logout_delays() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    let (accepted, rejected) = logout_delays(&nodes, 10_000).await;
    for (text, delays) in [("last accepted", accepted), ("rejected", rejected)] {
        let quantile = |percent: usize| delays[(delays.len() - 1) * percent / 100];
        let [p50, p99, p100] = [50, 99, 100].map(quantile);
        println!("{text} after the logout: p50 {p50:?}, p99 {p99:?}, p100 {p100:?}");
    }
}

/// Returns how long after the answer to a logout the last accepted request starts on the other
/// node, and how long after it the first one is rejected there, each in order.
async fn logout_delays(nodes: &Nodes, trials: u32) -> (Vec<Duration>, Vec<Duration>) {
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    for token in 0..trials {
        let session = nodes.log_in(token).await;
        nodes.wait_until_cached(session).await;
        let ended = nodes.log_out(session).await;
        accepted.push(nodes.assert_rejected_within_bound(session, ended).await);
        rejected.push(ended.elapsed());
    }
    accepted.sort_unstable();
    rejected.sort_unstable();
    (accepted, rejected)
}

/// How a session ends, or what an account loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revocation {
    EndedByAdmin,
    EndOfAll,
    Disabled,
    PasswordChanged,
    Reuse,
    SessionLimit,
}

impl Revocation {
    const ALL: [Self; 6] = [
        Self::EndedByAdmin,
        Self::EndOfAll,
        Self::Disabled,
        Self::PasswordChanged,
        Self::Reuse,
        Self::SessionLimit,
    ];

    async fn apply(self, here: &PostgresStore, user: &Account, session: SessionId, token: u32) {
        let id: UserId = user.id;
        match self {
            Self::EndedByAdmin | Self::EndOfAll => {
                let which = match self {
                    Self::EndOfAll => SessionSelector::All { user: id },
                    _ => SessionSelector::One { user: id, session },
                };
                let ended = here.end_sessions(which, EndReason::RevokedByAdmin, &at(1)).await;
                assert_eq!(ended.unwrap().value, [session]);
            }
            Self::Disabled => {
                let update = AccountUpdate { is_disabled: Some(true), roles: None };
                let updated = here.update_account(id, update, &operator(), &at(1)).await;
                updated.unwrap().value.unwrap();
            }
            Self::PasswordChanged => {
                let (expected_hash, new) = (hash(0), hash(1));
                let change =
                    PasswordChange { user: id, expected_hash, new, history: 0, kept_session: None };
                assert!(here.change_password(change, &at(1)).await.unwrap().value);
            }
            Self::Reuse => {
                for successor in [1000, 2000] {
                    let rotation = rotation(token, successor + token);
                    drop(here.rotate_refresh_token(&rotation, &at(60)).await.unwrap());
                }
            }
            Self::SessionLimit => {
                let new =
                    NewSession { max_sessions: 1, ..new_session(user, hash(0), 3000 + token) };
                drop(here.open_session(new, &at(1)).await.unwrap());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_revocation_takes_effect_within_the_bound() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    for (token, revocation) in (0..).zip(Revocation::ALL) {
        let user = create(&nodes.here, &format!("user{token}")).await;
        let session = log_in(&nodes.here, &user, token).await.session.id;
        nodes.wait_until_cached(session).await;
        revocation.apply(&nodes.here, &user, session, token).await;
        nodes.assert_rejected_within_bound(session, Instant::now()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn role_change_takes_effect_within_the_bound() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    let session = nodes.log_in(1).await;
    nodes.wait_until_cached(session).await;
    let update = AccountUpdate { is_disabled: None, roles: Some([].into()) };
    let updated = nodes.here.update_account(nodes.alice.id, update, &operator(), &at(1)).await;
    updated.unwrap().value.unwrap();
    let changed = Instant::now();
    loop {
        let started = Instant::now();
        if nodes.see(session).await.unwrap().account.roles.is_empty() {
            return;
        }
        let delay = started.saturating_duration_since(changed);
        assert!(delay <= BOUND, "still has the role {delay:?} after the change");
    }
}
