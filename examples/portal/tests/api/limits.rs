//! How often one may ask: logins by address, requests by address and by who asks.

use crate::answer::Answer;
use crate::portal::{ADMIN, PASSWORD, Portal};

fn is_limited(answer: &Answer) {
    answer.refuses(429, "rate_limited");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn logins_are_limited_by_address() {
    let portal = Portal::start(&["--login-limit", "3/3600", "--trusted-proxy", "127.0.0.1/32"]);
    let log_in = |address: &str| portal.log_in(ADMIN, PASSWORD).from(address).send();
    for _ in 0..3 {
        log_in("198.51.100.7").await.gives();
    }
    is_limited(&log_in("198.51.100.7").await);
    // Right or wrong, of whomever, and in any form.
    is_limited(&portal.log_in("x", "y").from("198.51.100.7").send().await);
    is_limited(&portal.post("/api/auth/login").text("{").from("198.51.100.7").send().await);
    log_in("198.51.100.8").await.gives();
    // Nothing else is.
    let health = portal.get("/api/health").from("198.51.100.7").send().await;
    assert_eq!(health.status, 200);
    portal.refresh("x").await.refuses(401, "refresh_invalid");
}

#[tokio::test]
async fn a_spoofed_address_is_no_way_around() {
    let portal = Portal::start(&["--login-limit", "3/3600"]);
    for address in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        portal.log_in(ADMIN, PASSWORD).from(address).send().await.gives();
    }
    is_limited(&portal.log_in(ADMIN, PASSWORD).from("198.51.100.4").send().await);
}

#[tokio::test]
async fn at_once_no_more_pass_than_one_by_one() {
    let portal = Portal::start(&["--login-limit", "3/3600"]);
    let calls = (0..40).map(|_| tokio::spawn(portal.log_in(ADMIN, PASSWORD).send()));
    let mut passed = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        if answer.status == 200 {
            passed += 1;
        } else {
            is_limited(&answer);
        }
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn requests_are_limited_by_address() {
    let portal = Portal::start(&["--api-limit", "5/3600", "--trusted-proxy", "127.0.0.1/32"]);
    for _ in 0..5 {
        let health = portal.get("/api/health").from("198.51.100.7").send().await;
        assert_eq!(health.status, 200);
    }
    for path in ["/api/health", "/api/session", "/api/nothing"] {
        is_limited(&portal.get(path).from("198.51.100.7").send().await);
    }
    let other = portal.get("/api/health").from("198.51.100.8").send().await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn requests_are_limited_by_who_asks() {
    let portal = Portal::start(&["--api-limit", "5/3600", "--trusted-proxy", "127.0.0.1/32"]);
    let log_in = portal.log_in(ADMIN, PASSWORD).from("198.51.100.100").send().await;
    let admin = crate::tokens::Tokens::of(&log_in);
    let ask = |last: usize| {
        portal.get("/api/whoami").by(&admin).from(&format!("198.51.100.{last}")).send()
    };
    for last in 0..5 {
        ask(last).await.gives();
    }
    is_limited(&ask(5).await);
    // Others at the same address are not kept out by that.
    let other = portal.get("/api/health").from("198.51.100.5").send().await;
    assert_eq!(other.status, 200);
}
