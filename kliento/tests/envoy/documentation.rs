//! The configuration of the documentation is that of these tests.

use std::fs;
use std::path::Path;

use crate::proxied::CONFIGURATION;

#[test]
fn documentation_has_the_tested_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/proxies.md");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(&format!("```yaml\n{CONFIGURATION}```\n")));
}
