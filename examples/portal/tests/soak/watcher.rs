//! A user whose sessions end on one portal while the other, which caches them, is asked for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::soak::client::{Client, Load, PAUSE, TIMEOUT};
use crate::soak::history::INITIAL;
use crate::soak::user::User;

/// How many sessions are cached when one ends.
const SESSIONS: usize = 4;
/// For how long an ended session is presented after it may be accepted.
const WATCHED: Duration = Duration::from_millis(500);

/// How long a request for a session that may be cached is waited for: less than the database
/// stalls.
const CACHE_TIMEOUT: Duration = Duration::from_millis(200);

/// Ends sessions on the second portal, and presents them to the first, until the load is over.
pub(crate) async fn watch(load: Arc<Load>, seed: u64, user: Arc<User>) {
    let mut client = Client::new(&load, seed).without_disconnects();
    let mut caching = client.fork().with_node(0, CACHE_TIMEOUT);
    let mut ending = client.fork().with_node(1, TIMEOUT);
    let watched = load.cluster.access_bounds()[0] + WATCHED;
    let mut sessions = VecDeque::new();
    while load.pause(&mut client.random, PAUSE).await {
        if sessions.len() < SESSIONS {
            sessions.extend(ending.log_in(&user, INITIAL).await);
            continue;
        }
        for held in &sessions {
            caching.who_am_i(&user, held).await;
        }
        let Some(held) = sessions.pop_front() else { continue };
        ending.log_out(&user, &held, false).await;
        let ended_at = Instant::now();
        while ended_at.elapsed() < watched {
            caching.who_am_i(&user, &held).await;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
