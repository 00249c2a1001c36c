//! Runs a pair of operations by schedules, and compares the outcomes with those of the serial
//! orders.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;
use tokio_postgres::{Client, NoTls};

use crate::fixture::Fixture;
use crate::numbered::audit_key;
use crate::operations::Operation;
use crate::schedule;
use crate::scheduler::{Sample, Scheduler, Search};
use crate::statement_proxy::{Event, StatementProxy};

/// Longer than a schedule takes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Two nodes behind proxies, on one database.
pub(crate) struct Nodes {
    proxies: [StatementProxy; 2],
    stores: [Arc<PostgresStore>; 2],
    /// A node that is never held, and a connection.
    free: PostgresStore,
    monitor: Client,
    fixtures: u32,
}

/// The outcomes of both operations, and the rows after them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    values: [String; 2],
    rows: Vec<String>,
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        let server = PostgresServer::shared();
        let url = server.create_database();
        let free = PostgresStore::open(&url, audit_key()).await.unwrap();
        let (monitor, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let proxies = [
            StatementProxy::start(server.port()).await,
            StatementProxy::start(server.port()).await,
        ];
        let mut stores = Vec::new();
        for proxy in &proxies {
            let (server, proxy) = (format!(":{}/", server.port()), format!(":{}/", proxy.port));
            // The proxy does not understand the negotiation of TLS.
            let through_proxy = format!("{}?sslmode=disable", url.replace(&server, &proxy));
            let options = PostgresOptions::default()
                .with_max_connections(1)
                .and_then(|options| options.with_lock_timeout(TIMEOUT))
                .and_then(|options| options.with_statement_timeout(TIMEOUT))
                .and_then(|options| options.with_idle_in_transaction_timeout(TIMEOUT))
                // Only the statements of the pair.
                .and_then(|options| options.with_seal_interval(Duration::from_secs(3600)))
                .unwrap();
            let store =
                PostgresStore::open_with(&through_proxy, audit_key(), options).await.unwrap();
            stores.push(Arc::new(store));
        }
        let stores = stores.try_into().unwrap();
        Self { proxies, stores, free, monitor, fixtures: 0 }
    }

    /// Runs all schedules of a pair that differ, and returns how many there are.
    pub(crate) async fn check_all(&mut self, pair: [Operation; 2]) -> usize {
        let expected = self.serial_outcomes(pair).await;
        let (mut count, mut next) = (0, Some(Search::default()));
        while let Some(mut search) = next {
            self.check(pair, &expected, &mut search).await;
            count += usize::from(!search.is_redundant());
            next = search.next();
        }
        count
    }

    /// Runs some schedules of a pair, and returns how many.
    pub(crate) async fn check_sample(
        &mut self,
        pair: [Operation; 2],
        count: usize,
        random: &mut Rng,
    ) -> usize {
        let expected = self.serial_outcomes(pair).await;
        for _ in 0..count {
            self.check(pair, &expected, &mut Sample::new(random)).await;
        }
        count
    }

    /// Returns the outcomes of the operations in either order, or of one alone if the other may be
    /// skipped.
    async fn serial_outcomes(&mut self, pair: [Operation; 2]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for order in [[0, 1], [1, 0]] {
            let fixture = self.fixture().await;
            let mut values = [String::new(), String::new()];
            for node in order {
                values[node] = self.run(pair, node, &fixture).await;
            }
            outcomes.push(Outcome { values, rows: fixture.rows(&self.monitor).await });
        }
        for (skipped, operation) in pair.into_iter().enumerate() {
            if operation.may_be_skipped() {
                let fixture = self.fixture().await;
                let mut values = outcomes[0].values.clone();
                values[1 - skipped] = self.run(pair, 1 - skipped, &fixture).await;
                outcomes.push(Outcome { values, rows: fixture.rows(&self.monitor).await });
            }
        }
        outcomes
    }

    async fn run(&self, pair: [Operation; 2], node: usize, fixture: &Fixture) -> String {
        let (store, fixture) = (Arc::clone(&self.stores[node]), fixture.clone());
        pair[node].run(store, fixture, number(node)).await
    }

    /// Runs a schedule.
    async fn check(
        &mut self,
        pair: [Operation; 2],
        expected: &[Outcome],
        scheduler: &mut impl Scheduler,
    ) {
        let fixture = self.fixture().await;
        for (node, operation) in pair.into_iter().enumerate() {
            let proxy = &mut self.proxies[node];
            proxy.close();
            let (store, sender) = (Arc::clone(&self.stores[node]), proxy.sender.clone());
            let running = operation.run(store, fixture.clone(), number(node));
            tokio::spawn(async move { sender.send(Event::Finished(running.await)) });
        }
        let finished = schedule::run(&mut self.proxies, &self.monitor, scheduler).await;
        let rows = fixture.rows(&self.monitor).await;
        let outcome = Outcome { values: finished.outcomes, rows };
        assert!(
            expected.contains(&outcome),
            "{pair:?} by {:#?}:\n{outcome:#?}\nexpected one of {expected:#?}",
            finished.statements
        );
    }

    async fn fixture(&mut self) -> Fixture {
        self.fixtures += 1;
        Fixture::create(&self.free, &self.monitor, self.fixtures).await
    }
}

/// Returns the number of the tokens of a node's operation.
fn number(node: usize) -> u32 {
    if node == 0 { 10 } else { 20 }
}
