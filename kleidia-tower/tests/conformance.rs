//! Each case of the conformance suite, with each store of this crate.

#![allow(clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::session::SessionCachingStore;
use kleidia_tower::store::conformance::{CASES, Case};
use kleidia_tower::store::{MemoryStore, Store};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let trials = CASES.iter().map(memory).chain(CASES.iter().map(cached));
    #[cfg(feature = "sqlite")]
    let trials = trials.chain(CASES.iter().map(sqlite));
    #[cfg(feature = "postgres")]
    let trials = trials.chain(CASES.iter().map(postgres));
    let trials = trials.collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn memory(case: &'static Case) -> Trial {
    Trial::test(format!("memory::{}", case.name()), move || {
        run(async { case.run(Arc::new(MemoryStore::default()) as Arc<dyn Store>).await })
    })
}

fn cached(case: &'static Case) -> Trial {
    Trial::test(format!("cached::{}", case.name()), move || {
        run(async {
            let store = SessionCachingStore::new(Arc::new(MemoryStore::default()));
            // Longer than any case takes, so a stale entry would fail it.
            let store = store.with_max_staleness(Duration::from_secs(3600));
            let store = store.expect("an hour is valid");
            case.run(Arc::new(store) as Arc<dyn Store>).await;
        })
    })
}

#[cfg(feature = "sqlite")]
fn sqlite(case: &'static Case) -> Trial {
    Trial::test(format!("sqlite::{}", case.name()), move || {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("accounts.db");
        run(async move {
            let store = kleidia_tower::store::SqliteStore::open(path, audit_key()).await;
            let store = Arc::new(store.expect("the database opens"));
            case.run(Arc::clone(&store) as Arc<dyn Store>).await;
            store.close().await;
        })
    })
}

#[cfg(feature = "postgres")]
fn postgres(case: &'static Case) -> Trial {
    Trial::test(format!("postgres::{}", case.name()), move || {
        let url = test_servers::PostgresServer::shared().create_database();
        run(async move {
            // A busy machine is slow, and the operations of a case wait for each other.
            let options = kleidia_tower::store::PostgresOptions::default();
            let options = options.with_connection_timeout(Duration::from_secs(60));
            let options = options.expect("a timeout");
            let store =
                kleidia_tower::store::PostgresStore::open_with(&url, audit_key(), options).await;
            let store = Arc::new(store.expect("the database opens"));
            case.run(Arc::clone(&store) as Arc<dyn Store>).await;
            store.close();
        })
    })
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn audit_key() -> kleidia_tower::audit::AuditKey {
    kleidia_tower::audit::AuditKey::generate("tests").expect("a key")
}

fn run(case: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(case);
    Ok(())
}
