//! Each case of the conformance suite. An outside store needs no more than this.

use std::sync::Arc;

use kleidia_tower::audit::AuditKey;
use kleidia_tower::store::conformance::{CASES, Case};
use libtest_mimic::{Arguments, Trial};
use store_redb::RedbStore;

fn main() {
    let trials = CASES.iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(case: &'static Case) -> Trial {
    Trial::test(case.name(), move || {
        let directory = tempfile::tempdir()?;
        let key = AuditKey::generate("tests")?;
        let store = RedbStore::open(directory.path().join("accounts.redb"), key)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(case.run(Arc::new(store)));
        Ok(())
    })
}
