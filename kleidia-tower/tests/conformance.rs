//! Each case of the exported suite, with each store of ours.

use std::sync::Arc;

use kleidia_tower::store::conformance::{CASES, Case};
use kleidia_tower::store::{MemoryStore, Store};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let trials = CASES.iter().map(memory).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn memory(case: &'static Case) -> Trial {
    Trial::test(format!("memory::{}", case.name()), move || {
        run(async { case.run(Arc::new(MemoryStore::default()) as Arc<dyn Store>).await })
    })
}

fn run(case: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(case);
    Ok(())
}
