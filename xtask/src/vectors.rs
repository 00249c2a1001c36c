//! Writes the test vectors.

use crate::failure::Failure;
use crate::step::{cargo, run};

/// Writes the files of `vectors/` whose recipes changed.
pub(crate) fn write() -> Result<(), Failure> {
    run("the test vectors", &mut cargo(&["run", "--package", "veraid-vectors"]))
}
