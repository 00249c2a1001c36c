//! The files of `vectors/` are the output of the generator, without manual changes.

use std::process::Command;

#[test]
fn files_are_as_generated() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_veraid-vectors")).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
