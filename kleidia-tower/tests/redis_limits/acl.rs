//! The ACL of `docs/deployment.md`: it has the rights that limits need, and no others.

use kleidia_tower::rate_limit::RedisLimitStore;
use test_servers::RedisServer;

use crate::fixture::{by_address_and_tenant, limits, remaining, send};
use crate::server::Commands as _;

const DOCUMENT: &str = include_str!("../../../docs/deployment.md");
const PASSWORD: &str = ">PASSWORD";

/// Returns the rules of the documented user.
pub(crate) fn documented_rules() -> Vec<&'static str> {
    let line = DOCUMENT.lines().find_map(|line| line.strip_prefix("ACL SETUSER limits "));
    line.unwrap().split(' ').collect()
}

/// Returns whether limits work for a user with these rules.
async fn is_enough(server: &RedisServer, rules: &[&str]) -> bool {
    server.command::<()>("FLUSHALL");
    server.command::<()>("SCRIPT FLUSH");
    server.command::<()>(&format!("ACL SETUSER limits reset {}", rules.join(" ")));
    let url = format!("redis://limits:PASSWORD@127.0.0.1:{}", server.port());
    let limits = limits(RedisLimitStore::new(&url).unwrap());
    if limits.check_store().await.is_err() {
        return false;
    }
    let layer = by_address_and_tenant(&limits);
    let status = send(&layer, "192.0.2.1", "a").await.status();
    status.is_success() && remaining(&layer, "192.0.2.1", "a").await == [9, 14]
}

#[tokio::test]
async fn documented_user_has_the_least_rights() {
    let server = RedisServer::start();
    let rules = documented_rules();
    assert!(rules.contains(&PASSWORD), "{rules:?}");
    assert!(is_enough(&server, &rules).await);
    for rule in rules.iter().filter(|rule| rule.starts_with(['+', '~'])) {
        let fewer: Vec<_> = rules.iter().copied().filter(|other| other != rule).collect();
        assert!(!is_enough(&server, &fewer).await, "{rule} is not needed");
    }
}

#[tokio::test]
async fn errors_and_debug_do_not_contain_the_password() {
    let server = RedisServer::start();
    let url = format!("redis://limits:correct-horse@127.0.0.1:{}", server.port());
    let limits = limits(RedisLimitStore::new(&url).unwrap());
    let error = limits.check_store().await.unwrap_err();
    for text in [format!("{limits:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!text.contains("correct-horse"), "{text}");
    }
    assert!(format!("{limits:?}").contains("127.0.0.1"));
    for invalid in ["", "redis://", "http://user:correct-horse@localhost", "redis:/correct-horse"] {
        let error = RedisLimitStore::new(invalid).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("correct-horse"), "{error:?}");
    }
}
