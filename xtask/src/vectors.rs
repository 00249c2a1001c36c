//! The test vectors: all of them are written by a command, which needs nothing that changes.

use crate::failure::Failure;
use crate::step::{cargo, run};

/// Writes the files of `vectors/` whose recipes changed.
pub(crate) fn write() -> Result<(), Failure> {
    run("the test vectors", &mut cargo(&["run", "--package", "veraid-vectors"]))
}

/// Fails if a file is not as it would be written: nobody edits one by hand.
pub(crate) fn check() -> Result<(), Failure> {
    let generator = ["run", "--package", "veraid-vectors", "--", "--check"];
    run("the test vectors are as they are made", &mut cargo(&generator))
}
