//! Known vulnerabilities of dependencies, if their database is available.

use crate::failure::Failure;
use crate::step::{cargo, output, run};

/// Checks the lock file against the advisories of `RustSec`.
///
/// The database is a Git repository; if it is unreachable, the check is skipped with a
/// message.
pub(crate) fn check() -> Result<(), Failure> {
    if output(&mut cargo(&["deny", "fetch", "db"])).is_err() {
        println!("\n=== advisories: SKIPPED, `cargo deny fetch db` cannot reach the database");
        return Ok(());
    }
    run("advisories", &mut cargo(&["deny", "check", "advisories"]))
}
