//! Known vulnerabilities of dependencies, where their database can be had.

use crate::failure::Failure;
use crate::step::{cargo, output, run};

/// Checks the lock file against the advisories of `RustSec`.
///
/// The database is a Git repository; without a network that reaches it, the check is left out,
/// which is said aloud.
pub(crate) fn check() -> Result<(), Failure> {
    if output(&mut cargo(&["deny", "fetch", "db"])).is_err() {
        println!("\n=== advisories: SKIPPED, `cargo deny fetch db` can't reach the database");
        return Ok(());
    }
    run("advisories", &mut cargo(&["deny", "check", "advisories"]))
}
