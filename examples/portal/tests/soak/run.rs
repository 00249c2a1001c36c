//! A run: clients under faults, and the check of their history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;
use tokio::task::JoinSet;

use crate::portal::PASSWORD;
use crate::soak::admin::{Admin, guess};
use crate::soak::audit_log::Checkpoints;
use crate::soak::checker::{self, Settings};
use crate::soak::client::{Client, Load};
use crate::soak::cluster::{Cluster, GRACE, PERMITS, THRESHOLD};
use crate::soak::disconnects::Disconnects;
use crate::soak::history::{Outcome, Recorder, Request};
use crate::soak::recovery::PROBER;
use crate::soak::user::User;
use crate::soak::watcher::watch;
use crate::soak::{audit_log, faults};
use crate::tokens::Tokens;

const USERS: usize = 4;
const CLIENTS_PER_USER: usize = 2;
/// The users whose passwords are guessed.
const VICTIMS: usize = 3;
/// All users: one more is watched.
const ALL_USERS: usize = USERS + VICTIMS + 1;
/// How often the last login of a user is tried.
const ATTEMPTS: usize = 3;
/// How many violations are printed.
const REPORTED: usize = 20;

/// What a run checks its history with.
pub(crate) const SETTINGS: Settings = Settings {
    access_bounds: [Duration::ZERO; 2],
    grace: Duration::from_secs(GRACE),
    max_delay: Duration::from_mins(1),
    max_sessions: 100,
    max_guesses: THRESHOLD + 2 * PERMITS,
};

/// Runs clients for this long, and checks their history. The seed decides what they do.
pub(crate) async fn run(seed: u64, duration: Duration, cache_sessions: Option<Duration>) {
    println!("SEED={seed}");
    let cluster = Cluster::start(cache_sessions).await;
    let admin = cluster.portal(0).login_request(crate::portal::ADMIN, PASSWORD);
    let admin = Tokens::from_response(&admin.send().await);
    create_user(&cluster, &admin, PROBER).await;
    let mut users = create_users(&cluster, &admin).await;
    let mut victims = users.split_off(USERS);
    let watched = victims.split_off(VICTIMS).remove(0);
    let [is_over, is_paused] = [const { AtomicBool::new(false) }; 2];
    let (recorder, disconnects) = (Recorder::new(), Disconnects::default());
    let load = Arc::new(Load { cluster, recorder, disconnects, is_over, is_paused });
    let mut tasks = JoinSet::new();
    let mut random = Rng::with_seed(seed);
    for user in users.iter().cycle().take(USERS * CLIENTS_PER_USER) {
        tasks.spawn(Client::new(&load, random.u64(..)).run(Arc::clone(user)));
    }
    tasks.spawn(Admin::new(&load, random.u64(..), admin.clone()).run(users.clone()));
    tasks.spawn(guess(Arc::clone(&load), random.u64(..), victims));
    tasks.spawn(watch(Arc::clone(&load), random.u64(..), watched));
    let mut checkpoints = Checkpoints::new();
    let recoveries = faults::happen(&load, &mut random, duration, &mut checkpoints).await;
    load.is_over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    let mut client = Client::new(&load, random.u64(..)).without_disconnects();
    for user in &users {
        unlock(&load.cluster, &admin, user).await;
        probe(&mut client, user).await;
    }
    audit_log::verify(&load.cluster).await;
    checkpoints.verify(&load.cluster);
    let records = audit_log::read(&load.cluster, &admin).await;
    let history = load.recorder.history();
    print_summary(&history);
    let access_bounds = load.cluster.access_bounds();
    let settings = Settings { access_bounds, ..SETTINGS };
    let violations = checker::violations(&history, &records, &settings);
    for violation in violations.iter().take(REPORTED) {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "SEED={seed}: {} violations", violations.len());
    assert_covered(&history);
    load.disconnects.assert_covered();
    recoveries.assert_soon();
}

async fn create_users(cluster: &Cluster, admin: &Tokens) -> Vec<Arc<User>> {
    let mut users = Vec::new();
    for number in 0..ALL_USERS {
        let id = create_user(cluster, admin, &format!("user{number}")).await;
        users.push(Arc::new(User::new(number, id)));
    }
    users
}

/// Returns the id of the user.
async fn create_user(cluster: &Cluster, admin: &Tokens, name: &str) -> i64 {
    let new = json!({"username": name, "password": PASSWORD});
    let request = cluster.portal(0).post("/api/admin/users").auth(admin).json(&new);
    request.send().await.expect_json()["id"].as_i64().unwrap()
}

/// Forgets the failed logins of a user, which throttle clients that the account does not know.
async fn unlock(cluster: &Cluster, admin: &Tokens, user: &User) {
    let unlock = cluster.portal(0).post(&format!("/api/admin/users/{}/unlock", user.id));
    unlock.auth(admin).send().await.expect_no_content();
}

/// Presents all tokens of a user once more, logs in, and changes the password.
async fn probe(client: &mut Client, user: &User) {
    present_all(client, user).await;
    // A request may get no response in time on a busy machine.
    for _ in 0..ATTEMPTS {
        for password in user.passwords().into_iter().rev() {
            if let Some(held) = client.log_in(user, password).await {
                client.change_password(user, &held, password).await;
                return present_all(client, user).await;
            }
        }
    }
    panic!("no password of {} is valid", user.name());
}

async fn present_all(client: &mut Client, user: &User) {
    for held in user.all_tokens() {
        client.who_am_i(user, &held).await;
    }
    for held in user.all_tokens() {
        client.refresh(user, &held).await;
    }
}

/// Prints how many requests of each kind had each outcome.
fn print_summary(history: &[Request]) {
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    for request in history {
        let outcome = match &request.outcome {
            Outcome::Done(_) => "done",
            Outcome::Rejected(code) => code,
            Outcome::Unknown => "unknown",
            Outcome::NotSent => "not sent",
        };
        *counts.entry((request.call.kind(), outcome)).or_default() += 1;
    }
    for ((kind, outcome), count) in counts {
        println!("{count:>7}  {kind}: {outcome}");
    }
}

/// Asserts that requests of each kind succeeded.
fn assert_covered(history: &[Request]) {
    for kind in [
        "login",
        "refresh",
        "whoami",
        "logout",
        "logout everywhere",
        "password change",
        "disable",
        "enable",
        "end sessions",
    ] {
        let succeeded = |request: &Request| request.is_done() && request.call.kind() == kind;
        assert!(history.iter().any(succeeded), "no {kind} succeeded");
    }
}
