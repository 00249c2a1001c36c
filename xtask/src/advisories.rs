//! Known vulnerabilities of dependencies, where their database can be had.

use crate::failure::Failure;
use crate::step::{cargo, output, run};

/// Checks the lock file against the advisories of `RustSec`.
///
/// The database is a Git repository; without a network that reaches it, the check is left out,
/// which is said aloud.
pub(crate) fn check() -> Result<(), Failure> {
    if let Err(failure) = output(&mut cargo(&["deny", "fetch", "db"])) {
        println!("\n=== advisories: SKIPPED, the database can't be fetched\n{failure}");
        return Ok(());
    }
    run("advisories", &mut cargo(&["deny", "check", "advisories"]))
}
