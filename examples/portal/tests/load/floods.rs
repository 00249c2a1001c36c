//! A thousand concurrent logins.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::portal::{PASSWORD, Portal, code};

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_correct_passwords_has_bounded_cost() {
    flood("ok", |_| "alice".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_unknown_names_has_bounded_cost() {
    flood("invalid_credentials", |index| format!("nobody{index}")).await;
}

/// Each login gets the same response as without a flood, or `busy`.
async fn flood(expected: &str, name: impl Fn(usize) -> String) {
    let portal = Arc::new(Portal::start().await);
    let logins = (0..1000).map(|index| {
        let (portal, name) = (Arc::clone(&portal), name(index));
        tokio::spawn(async move { code(portal.log_in(&name, PASSWORD, "192.0.2.1").await).await })
    });
    let logins = logins.collect::<Vec<_>>();
    let health_checks = count_health_checks(&portal, &logins).await;
    assert!(health_checks > 0);

    let mut evaluated = 0;
    for login in logins {
        let code = login.await.unwrap();
        assert!(code == expected || code == "busy", "{code}");
        evaluated += usize::from(code == expected);
    }
    assert!(evaluated > 0);
    println!(
        "{evaluated} of 1000 logins were evaluated, /api/health responded {health_checks} times"
    );
    portal.assert_memory_is_bounded();
}

/// Counts the health checks that succeed while other requests are pending.
async fn count_health_checks<T>(portal: &Portal, others: &[JoinHandle<T>]) -> usize {
    let mut responses = 0;
    loop {
        let health = portal.client.get(format!("{}/api/health", portal.url));
        assert!(health.send().await.unwrap().status().is_success());
        if others.iter().all(JoinHandle::is_finished) {
            return responses;
        }
        responses += 1;
    }
}
