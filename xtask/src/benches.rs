//! Runs each benchmark for a few rounds: their figures say nothing then, but they still work.

use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::packages;
use crate::step::{cargo, run};

/// Runs all benchmarks of the workspace as tests, and prints which ones ran.
pub(crate) fn run_once(metadata: &Metadata) -> Result<(), Failure> {
    packages::install_missing(&packages::TESTS)?;
    let benches: Vec<&str> =
        metadata.members().flat_map(|package| &package.benches).map(String::as_str).collect();
    if benches.is_empty() {
        return Err(Failure::new("cargo metadata names no benchmarks"));
    }
    for bench in &benches {
        // Without `--bench`, which `cargo bench` adds, they are small.
        let mut test = cargo(&["test", "--workspace", "--all-features", "--bench", bench]);
        run(&format!("benchmark {bench}, a few rounds"), &mut test)?;
    }
    println!("\n=== {} benchmarks ran: {}", benches.len(), benches.join(", "));
    Ok(())
}
