//! The configuration of the documentation is that of these tests.

use std::fs;
use std::path::Path;

use crate::proxy::{CADDYFILE, HAPROXY, HAPROXY_LUA, NGINX};

#[test]
fn documentation_has_the_tested_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/proxies.md");
    let text = fs::read_to_string(path).unwrap();
    for (language, configuration) in
        [("nginx", NGINX), ("caddyfile", CADDYFILE), ("haproxy", HAPROXY), ("lua", HAPROXY_LUA)]
    {
        let block = format!("```{language}\n{configuration}```\n");
        assert!(text.contains(&block), "docs/proxies.md differs from the tested configuration");
    }
}
