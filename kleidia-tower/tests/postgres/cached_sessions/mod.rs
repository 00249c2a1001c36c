//! `SessionCachingStore` on several nodes: no ended session is accepted later than the bound,
//! whatever happens to the feed.

mod faults;
mod load;
mod revocations;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::SessionId;
use kleidia_tower::account::Account;
use kleidia_tower::session::{
    EndReason, SessionCachingStore, SessionLookup, SessionSelector, SessionStore as _, SessionView,
};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;
use tokio::time::{sleep, timeout};

use crate::numbered::{at, audit_key, create, log_in};
use crate::proxy::Proxy;

/// How late a change by another node takes effect at most.
const BOUND: Duration = Duration::from_millis(400);

/// A node that changes sessions, and one behind a proxy that caches them.
struct Nodes {
    here: PostgresStore,
    there: SessionCachingStore,
    proxy: Proxy,
    alice: Arc<Account>,
}

impl Nodes {
    async fn new(server: &PostgresServer) -> Self {
        let url = server.create_database();
        let here = PostgresStore::open(&url, audit_key()).await.unwrap();
        let proxy = Proxy::start(&url, server.port()).await;
        let timeout = Duration::from_secs(1);
        let options = PostgresOptions::default().with_connection_timeout(timeout).unwrap();
        let options = options.with_statement_timeout(timeout).unwrap();
        let options = options.with_lock_timeout(timeout).unwrap();
        // The requests of this node are counted.
        let options = options.with_seal_interval(Duration::from_secs(3600)).unwrap();
        let there = PostgresStore::open_with(&proxy.url, audit_key(), options).await.unwrap();
        let there = SessionCachingStore::new(Arc::new(there)).with_max_staleness(BOUND).unwrap();
        let alice = create(&here, "alice").await;
        Self { here, there, proxy, alice }
    }

    async fn log_in(&self, token: u32) -> SessionId {
        log_in(&self.here, &self.alice, token).await.session.id
    }

    async fn log_out(&self, session: SessionId) -> Instant {
        let one = SessionSelector::One { user: self.alice.id, session };
        drop(self.here.end_sessions(one, EndReason::Logout, &at(1)).await.unwrap());
        Instant::now()
    }

    /// Returns the session as the caching node sees it; `None` if it cannot tell.
    async fn see(&self, session: SessionId) -> Option<SessionView> {
        self.there.session(SessionLookup::Id(session)).await.ok().map(Option::unwrap)
    }

    /// Returns whether the caching node accepts the session.
    async fn accepts(&self, session: SessionId) -> bool {
        let view = self.see(session).await;
        view.is_some_and(|view| view.session.end.is_none() && !view.account.is_disabled)
    }

    /// Waits until the caching node answers from its cache.
    async fn wait_until_cached(&self, session: SessionId) {
        let waiting = async {
            loop {
                assert!(self.accepts(session).await);
                let before = self.proxy.requests();
                assert!(self.accepts(session).await);
                if self.proxy.requests() == before {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), waiting).await.expect("the session is cached");
    }

    /// Sends requests until one is rejected. None may be accepted that starts after the bound.
    /// Returns when the last accepted one started after the end of the session.
    async fn assert_rejected_within_bound(&self, session: SessionId, ended: Instant) -> Duration {
        let mut last = Duration::ZERO;
        loop {
            let started = Instant::now();
            if !self.accepts(session).await {
                return last;
            }
            last = started.saturating_duration_since(ended);
            assert!(last <= BOUND, "accepted {last:?} after the end");
            tokio::task::yield_now().await;
        }
    }
}
