//! Runs a pair of operations by schedules, and compares the outcomes with those of the serial
//! orders.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;
use tokio_postgres::{Client, NoTls};

use crate::fixture::Fixture;
use crate::locks::Lock;
use crate::log_base::NEVER;
use crate::numbered::audit_key;
use crate::operations::{NUMBERS, Operation, purge};
use crate::schedule::{self, Finished};
use crate::scheduler::{Scheduler, Search};
use crate::statement_proxy::{Event, StatementProxy};

/// Longer than a schedule takes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Two nodes behind proxies, on one database.
pub(crate) struct Nodes {
    url: String,
    proxies: [StatementProxy; 2],
    stores: [Arc<PostgresStore>; 2],
    /// A node that is never held, and a connection.
    free: PostgresStore,
    monitor: Client,
    template: Fixture,
    /// The number of the last fixture.
    fixtures: u32,
}

/// The outcomes of both operations, and the rows after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    values: [String; 2],
    rows: Vec<String>,
}

impl Outcome {
    /// Returns whether it is one of these, but with failures of a name from several of them. An operation
    /// locks one row for all failures of a name, and a purge deletes each other row that has expired.
    fn is_of_partial_purge(&self, expected: &[Self]) -> bool {
        let is_counter = |row: &&String| row.starts_with("failures ");
        let others = |outcome: &Self| -> Vec<String> {
            outcome.rows.iter().filter(|row| !is_counter(row)).cloned().collect()
        };
        let is_similar = |found: &Self| {
            let is_as_long = found.rows.len() == self.rows.len();
            is_as_long && found.values == self.values && others(found) == others(self)
        };
        let is_known = |row: &String| expected.iter().any(|found| found.rows.contains(row));
        expected.iter().any(is_similar) && self.rows.iter().filter(is_counter).all(is_known)
    }
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        Self::start_without(None).await
    }

    /// Starts nodes of which the first takes all locks but this one.
    pub(crate) async fn start_without(removed: Option<Lock>) -> Self {
        let server = PostgresServer::shared();
        let url = server.create_database();
        // Only the statements of the pair.
        let options = PostgresOptions::default().with_seal_interval(NEVER).unwrap();
        let free = PostgresStore::open_with(&url, audit_key(), options.clone()).await.unwrap();
        let (monitor, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let proxies = [
            StatementProxy::start(server.port(), removed).await,
            StatementProxy::start(server.port(), None).await,
        ];
        let mut stores = Vec::new();
        for proxy in &proxies {
            let (server, proxy) = (format!(":{}/", server.port()), format!(":{}/", proxy.port));
            // The proxy does not understand the negotiation of TLS.
            let through_proxy = format!("{}?sslmode=disable", url.replace(&server, &proxy));
            let options = options
                .clone()
                .with_max_connections(1)
                .and_then(|options| options.with_lock_timeout(TIMEOUT))
                .and_then(|options| options.with_statement_timeout(TIMEOUT))
                .and_then(|options| options.with_idle_in_transaction_timeout(TIMEOUT))
                .unwrap();
            let store =
                PostgresStore::open_with(&through_proxy, audit_key(), options).await.unwrap();
            stores.push(Arc::new(store));
        }
        let stores = stores.try_into().unwrap();
        let template = Fixture::create(&free, &monitor).await;
        Self { url, proxies, stores, free, monitor, template, fixtures: 1 }
    }

    /// Runs all schedules of a pair that differ, until one does not have the outcome of one operation
    /// after the other. Returns how many there are if there is none.
    pub(crate) async fn search(&mut self, pair: [Operation; 2]) -> Result<usize, String> {
        let expected = self.serial_outcomes(pair).await;
        let (mut count, mut next) = (0, Some(Search::new(Operation::are_ordered(pair))));
        while let Some(mut search) = next {
            self.check(pair, &expected, &mut search).await?;
            count += usize::from(!search.is_redundant());
            next = search.next();
        }
        Ok(count)
    }

    /// Returns the locks that an operation takes.
    pub(crate) async fn locks(&mut self, operation: Operation) -> Vec<Lock> {
        let pair = [operation, Operation::Touch];
        let finished = self.run_schedule(pair, &mut Search::default()).await.unwrap().1;
        let statements = finished.statements.iter().filter_map(|held| held.strip_prefix("1 "));
        let statements: Vec<_> = statements.collect();
        let is_taken = |lock: &Lock| statements.iter().any(|statement| lock.is_taken_by(statement));
        Lock::ALL.into_iter().filter(is_taken).collect()
    }

    /// Returns the outcomes of the operations in either order, or of one alone if the other may be
    /// skipped.
    pub(crate) async fn serial_outcomes(&mut self, pair: [Operation; 2]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for order in [[0, 1], [1, 0]] {
            let fixture = self.fixture(pair).await;
            let mut values = [String::new(), String::new()];
            for node in order {
                values[node] = self.run(pair, node, &fixture).await;
            }
            outcomes.push(self.outcome(pair, values, &fixture).await.unwrap());
        }
        for (skipped, operation) in pair.into_iter().enumerate() {
            if operation.may_be_skipped() {
                let fixture = self.fixture(pair).await;
                let mut values = outcomes[0].values.clone();
                values[1 - skipped] = self.run(pair, 1 - skipped, &fixture).await;
                outcomes.push(self.outcome(pair, values, &fixture).await.unwrap());
            }
        }
        outcomes
    }

    async fn run(&self, pair: [Operation; 2], node: usize, fixture: &Fixture) -> String {
        let (store, fixture) = (Arc::clone(&self.stores[node]), fixture.clone());
        pair[node].run(store, fixture, NUMBERS[node]).await
    }

    /// Runs a schedule, and compares its outcome.
    pub(crate) async fn check(
        &mut self,
        pair: [Operation; 2],
        expected: &[Outcome],
        scheduler: &mut impl Scheduler,
    ) -> Result<(), String> {
        let (fixture, finished) = self.run_schedule(pair, scheduler).await?;
        let statements = finished.statements;
        let outcome = self.outcome(pair, finished.outcomes, &fixture).await;
        let outcome = outcome.map_err(|error| format!("{pair:?} by {statements:#?}: {error}"))?;
        if expected.contains(&outcome)
            || (pair.contains(&Operation::Purge) && outcome.is_of_partial_purge(expected))
        {
            return Ok(());
        }
        let difference = format!("{outcome:#?}\nexpected one of {expected:#?}");
        Err(format!("{pair:?} by {statements:#?}:\n{difference}"))
    }

    /// Runs a schedule on a new fixture.
    async fn run_schedule(
        &mut self,
        pair: [Operation; 2],
        scheduler: &mut impl Scheduler,
    ) -> Result<(Fixture, Finished), String> {
        let fixture = self.fixture(pair).await;
        for (node, operation) in pair.into_iter().enumerate() {
            let proxy = &mut self.proxies[node];
            proxy.close();
            let (store, sender) = (Arc::clone(&self.stores[node]), proxy.sender.clone());
            let running = operation.run(store, fixture.clone(), NUMBERS[node]);
            tokio::spawn(async move { sender.send(Event::Finished(running.await)) });
        }
        let never_waits = pair.map(Operation::never_waits);
        let finished =
            schedule::run(&mut self.proxies, &self.monitor, scheduler, never_waits).await;
        let finished = finished.map_err(|violation| format!("{pair:?}: {violation}"))?;
        Ok((fixture, finished))
    }

    /// Returns the outcomes of operations, with the rows after them. What a purge has skipped is
    /// purged.
    async fn outcome(
        &self,
        pair: [Operation; 2],
        values: [String; 2],
        fixture: &Fixture,
    ) -> Result<Outcome, String> {
        if pair.contains(&Operation::Purge) {
            purge(&self.free).await.map_err(|error| error.to_string())?;
        }
        let mut rows = fixture.rows(&self.monitor, Operation::are_ordered(pair)).await;
        if pair.iter().any(|operation| operation.is_of_log()) {
            rows.extend(fixture.log().finish(&self.url, &self.free, &self.monitor).await?);
        }
        Ok(Outcome { values, rows })
    }

    async fn fixture(&mut self, pair: [Operation; 2]) -> Fixture {
        self.fixtures += 1;
        let is_of_purge = pair.contains(&Operation::Purge);
        if is_of_purge {
            // Of earlier fixtures.
            purge(&self.free).await.unwrap();
        }
        let mut fixture = self.template.clone_as(self.fixtures, &self.monitor).await;
        if is_of_purge {
            fixture = fixture.at_purge();
        }
        if pair.contains(&Operation::Erase) {
            fixture.disable_account(&self.monitor).await;
        }
        let has_log = pair.iter().any(|operation| operation.is_of_log());
        if has_log { fixture.with_log(&self.free).await } else { fixture }
    }
}
