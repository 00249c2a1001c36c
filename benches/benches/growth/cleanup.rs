//! Logins while the cleanup deletes expired sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::Target::AtMost;
use benches::{Comparison, rounds};
use kleidia_tower::SystemClock;
use kleidia_tower::store::{Cleanup, CleanupSettings};

use crate::people::People;
use crate::{Database, Size};

/// The clients that log in at the same time.
pub(crate) const CLIENTS: u32 = 4;
/// More than the cleanup deletes in a round.
const EXPIRED: u32 = 50_000;
const SLICE: Duration = Duration::from_secs(3);

/// Compares the 99th percentiles of logins.
pub(crate) async fn measure(database: &Database<'_>) -> Comparison {
    let (mut idle, mut during) = (Vec::new(), Vec::new());
    for round in 0..rounds(10) {
        let missing = EXPIRED.saturating_sub(expired(database));
        database.execute(&include_str!("expired.sql").replace("COUNT", &missing.to_string()));
        if round % 2 == 0 {
            idle.extend(log_in(&database.people, database.size).await);
            during.extend(log_in_during_cleanup(database).await);
        } else {
            during.extend(log_in_during_cleanup(database).await);
            idle.extend(log_in(&database.people, database.size).await);
        }
    }
    println!("{} logins without the cleanup, {} during it", idle.len(), during.len());
    let subject = ("p99 of logins during the cleanup", percentile(during));
    Comparison::from_times(subject, ("p99 without it", percentile(idle)), Some(AtMost(2.0)))
}

async fn log_in_during_cleanup(database: &Database<'_>) -> Vec<Duration> {
    let before = expired(database);
    let (store, settings) = (Arc::clone(&database.people.store), CleanupSettings::default());
    let cleanup = Cleanup::spawn(store, SystemClock, settings);
    let times = log_in(&database.people, database.size).await;
    cleanup.stop().await;
    let after = expired(database);
    assert!(0 < after && after < before, "the cleanup ran the whole time");
    times
}

/// Logs in as different users, one after the other with each client, and returns the times.
async fn log_in(people: &People, size: Size) -> Vec<Duration> {
    let start = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let people = people.clone();
        tokio::spawn(async move {
            let (mut times, mut number) = (Vec::new(), client);
            while start.elapsed() < SLICE {
                let name = format!("user-{}", 1 + number % (size.sessions / 10));
                let start = Instant::now();
                people.log_in(&name, None).await;
                times.push(start.elapsed());
                number += CLIENTS;
            }
            times
        })
    });
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        times.extend(client.await.expect("no panic"));
    }
    times
}

/// Returns the number of expired families.
fn expired(database: &Database<'_>) -> u32 {
    let select = "SELECT count(*) FROM families \
        WHERE expires_at < extract(epoch FROM clock_timestamp())::bigint - 86400";
    database.execute(select).parse().expect("a number")
}

fn percentile(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
