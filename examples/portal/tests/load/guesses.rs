//! A thousand concurrent password guesses.

use std::sync::Arc;

use crate::portal::{PASSWORD, PERMITS, Portal, code};

/// The default of `--lockout-threshold`.
const THRESHOLD: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_guesses_get_no_extra_attempts() {
    let portal = Arc::new(Portal::start().await);
    let guesses = (0..1000).map(|index| {
        let portal = Arc::clone(&portal);
        tokio::spawn(async move {
            code(portal.log_in("alice", &format!("guess {index}"), "192.0.2.9").await).await
        })
    });
    for guess in guesses.collect::<Vec<_>>() {
        let code = guess.await.unwrap();
        assert!(code == "invalid_credentials" || code == "busy", "{code}");
    }
    let evaluated = portal.count("login.failure").await;
    assert!(evaluated <= THRESHOLD + usize::try_from(PERMITS).unwrap(), "{evaluated}");
    assert_eq!(evaluated, THRESHOLD);
    let locked = portal.log_in("alice", PASSWORD, "192.0.2.9").await;
    assert_eq!(code(locked).await, "invalid_credentials");
    assert_eq!(code(portal.log_in("alice", PASSWORD, "192.0.2.10").await).await, "ok");
}
