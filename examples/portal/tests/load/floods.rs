//! A thousand logins at once.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::portal::{PASSWORD, Portal, code};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_right_passwords_cost_bounded_memory_and_keep_nobody_else_waiting() {
    flood("ok", |_| "alice".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_unknown_names_cost_bounded_memory_and_keep_nobody_else_waiting() {
    flood("invalid_credentials", |index| format!("nobody{index}")).await;
}

/// Each login has the answer that it would have alone, or is told when to come again.
async fn flood(expected: &str, name: impl Fn(usize) -> String) {
    let portal = Arc::new(Portal::start().await);
    let logins = (0..1000).map(|index| {
        let (portal, name) = (Arc::clone(&portal), name(index));
        tokio::spawn(async move { code(portal.log_in(&name, PASSWORD, "192.0.2.1").await).await })
    });
    let logins = logins.collect::<Vec<_>>();
    let healthy = count_healthy_answers(&portal, &logins).await;
    assert!(healthy > 0);

    let mut answered = 0;
    for login in logins {
        let code = login.await.unwrap();
        assert!(code == expected || code == "busy", "{code}");
        answered += usize::from(code == expected);
    }
    assert!(answered > 0);
    println!("{answered} of 1000 logins were evaluated, /api/health answered {healthy} times");
    portal.assert_memory_is_bounded();
}

/// Counts the answers that came while others still waited for theirs.
async fn count_healthy_answers<T>(portal: &Portal, others: &[JoinHandle<T>]) -> usize {
    let mut answers = 0;
    loop {
        let health = portal.client.get(format!("{}/api/health", portal.origin));
        assert!(health.send().await.unwrap().status().is_success());
        if others.iter().all(JoinHandle::is_finished) {
            return answers;
        }
        answers += 1;
    }
}
