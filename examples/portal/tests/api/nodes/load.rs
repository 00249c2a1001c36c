//! One of two portals is killed or suspended under a seeded load: the clients continue on the
//! other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use test_servers::PostgresServer;

use super::{Cluster, two_portals};
use crate::portal::{PASSWORD, Portal};
use crate::request::ApiRequest;
use crate::response::ApiResponse;
use crate::tokens::{Tokens, wait_for};

const SEED: u64 = 1;
const CLIENTS: usize = 4;
/// How many operations each client performs on average before the fault, and at least after it.
const OPERATIONS: usize = 25;
/// How long clients wait for the portal that may be suspended.
const TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn clients_continue_on_the_other_portal_when_one_is_killed() {
    check_load("-KILL").await;
}

/// The server ends its transactions before the other portal gives up waiting for their locks.
#[tokio::test]
async fn clients_continue_on_the_other_portal_when_one_is_suspended() {
    check_load("-STOP").await;
}

async fn check_load(signal: &str) {
    let options = ["--refresh-grace", "1h", "--login-limit", "1000/1", "--api-limit", "100000/1"];
    let options = [&options[..], &["--refresh-limit", "100000/1"]].concat();
    let (cluster, portals) = two_portals(PostgresServer::shared(), &options);
    let load = Arc::new(Load {
        portals,
        is_faulty: AtomicBool::new(false),
        operations: AtomicUsize::new(0),
    });
    let [faulty, other] = &load.portals;
    let admin = other.log_in_admin().await;
    let mut tasks = Vec::new();
    for (number, seed) in (SEED..).take(CLIENTS).enumerate() {
        let name = format!("user{number}");
        let tokens = other.create_user(&admin, &name).await;
        tasks.push(tokio::spawn(Client::new(name, tokens, seed).run(Arc::clone(&load))));
    }
    while load.operations.load(Ordering::Relaxed) < OPERATIONS * CLIENTS {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    faulty.signal(signal);
    if signal == "-STOP" {
        stop_in_transaction(faulty, &cluster).await;
    }
    load.is_faulty.store(true, Ordering::Relaxed);
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    if signal == "-STOP" {
        faulty.signal("-CONT");
        let health = async || faulty.get("/api/health").send().await.body;
        wait_for(async || (health().await == "ok\n").then_some(())).await;
        for client in &clients {
            client.check(faulty, &admin).await;
        }
    }
    for client in clients {
        client.check(other, &admin).await;
    }
}

/// Continues and stops a portal until it is stopped within a transaction that holds locks.
async fn stop_in_transaction(portal: &Portal, cluster: &Cluster) {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND state = 'idle in transaction' AND backend_xid IS NOT NULL \
        AND clock_timestamp() - state_change > '80 ms'";
    for delay in 5..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if cluster.execute(open) != "0" {
            return;
        }
        portal.signal("-CONT");
        tokio::time::sleep(Duration::from_millis(delay)).await;
        portal.signal("-STOP");
    }
    panic!("the portal is never stopped within a transaction");
}

struct Load {
    /// The first receives the signal.
    portals: [Portal; 2],
    is_faulty: AtomicBool,
    operations: AtomicUsize,
}

/// A user with one session at a time.
struct Client {
    name: String,
    random: Rng,
    tokens: Tokens,
    /// Whether the client uses the second portal only.
    has_switched: bool,
    /// The tokens of sessions with an acknowledged logout.
    ended: Vec<Tokens>,
    /// Acknowledged operations.
    logins: usize,
    refreshes: usize,
    /// Logins that were sent again, so that the first may have succeeded too.
    repeated_logins: usize,
}

impl Client {
    fn new(name: String, tokens: Tokens, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        let (has_switched, ended) = (false, Vec::new());
        Self {
            name,
            random,
            tokens,
            has_switched,
            ended,
            logins: 1,
            refreshes: 0,
            repeated_logins: 0,
        }
    }

    async fn run(mut self, load: Arc<Load>) -> Self {
        let mut since_fault = 0;
        while since_fault < OPERATIONS {
            since_fault += usize::from(load.is_faulty.load(Ordering::Relaxed));
            match self.random.usize(..10) {
                0 => self.log_out_and_in(&load).await,
                1..6 => self.refresh(&load).await,
                _ => self.call(&load).await,
            }
            load.operations.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    async fn log_out_and_in(&mut self, load: &Load) {
        let tokens = self.tokens.clone();
        let logout = |portal: &Portal| portal.post("/api/auth/logout").auth(&tokens);
        let (response, is_repeated) = self.send(load, logout).await;
        if is_repeated && response.status == 401 {
            response.expect_problem(401, "session_expired");
        } else {
            response.expect_no_content();
        }
        self.ended.push(tokens);
        let name = self.name.clone();
        let login = |portal: &Portal| portal.login_request(&name, PASSWORD);
        let (response, is_repeated) = self.send(load, login).await;
        self.tokens = Tokens::from_response(&response);
        self.logins += 1;
        self.repeated_logins += usize::from(is_repeated);
    }

    /// Refreshes twice: there is one successor, whichever portal has created it.
    async fn refresh(&mut self, load: &Load) {
        let body = json!({"refresh_token": self.tokens.refresh});
        let refresh = |portal: &Portal| portal.post("/api/auth/refresh").json(&body);
        let next = Tokens::from_response(&self.send(load, refresh).await.0);
        let again = Tokens::from_response(&self.send(load, refresh).await.0);
        assert_eq!(next.refresh, again.refresh);
        assert_ne!(next.refresh, self.tokens.refresh);
        self.tokens = next;
        self.refreshes += 1;
    }

    async fn call(&mut self, load: &Load) {
        let tokens = self.tokens.clone();
        let call = |portal: &Portal| portal.get("/api/whoami").auth(&tokens);
        self.send(load, call).await.0.expect_json();
    }

    /// Sends a request to a random portal, and again to the second one if the first does not
    /// answer. Returns whether it was sent again.
    async fn send(
        &mut self,
        load: &Load,
        request: impl Fn(&Portal) -> ApiRequest,
    ) -> (ApiResponse, bool) {
        let [faulty, other] = &load.portals;
        if self.has_switched || self.random.bool() {
            return (request(other).send().await, false);
        }
        if let Ok(response) = request(faulty).timeout(TIMEOUT).try_send().await {
            return (response, false);
        }
        self.has_switched = true;
        (request(other).send().await, true)
    }

    /// Checks that acknowledged operations have happened, once, and are recorded.
    async fn check(&self, portal: &Portal, admin: &Tokens) {
        for ended in &self.ended {
            portal
                .get("/api/whoami")
                .auth(ended)
                .send()
                .await
                .expect_problem(401, "session_expired");
            portal.refresh(&ended.refresh).await.expect_problem(401, "refresh_invalid");
        }
        portal.get("/api/whoami").auth(&self.tokens).send().await.expect_json();
        assert_eq!(self.count(portal, admin, "logout").await, self.ended.len());
        assert_eq!(self.count(portal, admin, "token.refresh").await, self.refreshes);
        let logins = self.count(portal, admin, "login.success").await;
        let max = self.logins + self.repeated_logins;
        assert!((self.logins..=max).contains(&logins), "{logins} of {} to {max}", self.logins);
    }

    /// Counts the successes in the audit log, without repeated refreshes.
    async fn count(&self, portal: &Portal, admin: &Tokens, event: &str) -> usize {
        let query = format!("event={event}&user={}&limit=1000", self.name);
        let records = portal.audit(admin, &query).await;
        let is_first =
            |record: &&Value| record["outcome"] == "success" && record["reason"].is_null();
        records.iter().filter(is_first).count()
    }
}
