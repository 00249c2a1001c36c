//! The cost of a login, compared with its evaluation of Argon2id alone.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "prints figures or panics")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use benches::Target::AtMost;
use benches::{Comparison, medians, rounds, time};
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::PasswordHasher;
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::MemoryStore;
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery staple";
/// The logins per permit in each measurement.
const LOGINS: usize = 8;

fn main() {
    let permits = PasswordHasher::default_permits();
    let runtime = Runtime::new().expect("a runtime");
    let accounts = runtime.block_on(accounts(permits));
    let mut memories: Vec<Vec<Block>> = (0..permits).map(|_| memory()).collect();
    let [logins, reused, fresh] = medians(
        rounds(40),
        &mut [
            &mut || time(|| runtime.block_on(log_in(&accounts, permits * LOGINS))),
            &mut || time(|| evaluate_in(&mut memories)),
            &mut || time(|| evaluate_in(&mut (0..permits).map(|_| Vec::new()).collect::<Vec<_>>())),
        ],
    )
    .map(|time| time / u32::try_from(permits * LOGINS).unwrap_or(u32::MAX));
    println!("Argon2id, 64 MiB, 1 pass, 4 lanes; {permits} at once; the allocator of the system");
    println!("the times are for one of {} that are asked for at once", permits * LOGINS);
    println!("{}", Comparison::head());
    // A throughput of at least 0.97.
    let target = Some(AtMost(1.0 / 0.97));
    let login = ("Accounts::log_in, memory store", logins);
    println!("{}", Comparison::from_times(login, ("argon2, memory reused", reused), target));
    println!("{}", Comparison::from_times(login, ("argon2, memory of its own", fresh), None));
}

async fn accounts(permits: usize) -> Accounts {
    let options = PasswordHasher::options().with_permits(permits).expect("permits");
    let hasher = options.with_queue_limit(permits * LOGINS).expect("a queue limit").start();
    let keys = KeyRing::new([SigningKey::generate().expect("random octets")]).expect("a key");
    let store = Arc::new(MemoryStore::default());
    let accounts = Accounts::new(store, Arc::new(keys), hasher.expect("threads"));
    let roles = [RoleName::user()].into();
    let created =
        accounts.create_user(None, "alice", PASSWORD.into(), roles, ClientInfo::default());
    created.await.expect("an account");
    accounts
}

/// Starts all logins at the same time; the permits bound how many run.
async fn log_in(accounts: &Accounts, count: usize) {
    let logins = (0..count).map(|_| {
        let client = ClientInfo::new(Ipv4Addr::LOCALHOST.into());
        let user_name = "alice".to_owned();
        let (accounts, password) = (accounts.clone(), PASSWORD.into());
        tokio::spawn(async move {
            accounts.log_in(LoginRequest { user_name, password, client, device_token: None }).await
        })
    });
    for login in logins.collect::<Vec<_>>() {
        login.await.expect("a task").expect("a login");
    }
}

/// Runs [`LOGINS`] evaluations on a thread for each memory.
fn evaluate_in(memories: &mut [Vec<Block>]) {
    thread::scope(|scope| {
        for memory in memories {
            scope.spawn(|| (0..LOGINS).for_each(|_| evaluate(memory)));
        }
    });
}

fn evaluate(memory: &mut Vec<Block>) {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params());
    let (mut output, salt) = ([0; 32], [7; 16]);
    let evaluated = if memory.is_empty() {
        argon2.hash_password_into(PASSWORD.as_bytes(), &salt, &mut output)
    } else {
        argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), &salt, &mut output, memory)
    };
    evaluated.expect("an evaluation");
}

fn memory() -> Vec<Block> {
    vec![Block::new(); params().block_count()]
}

fn params() -> Params {
    Params::new(64 * 1024, 1, 4, Some(32)).expect("parameters")
}
