//! Rate limits: logins by address, requests by address and by user.

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::response::ApiResponse;
use crate::tokens::Tokens;

fn assert_rate_limited(response: &ApiResponse) {
    response.expect_problem(429, "rate_limited");
    let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn limits_logins_by_address() {
    let portal = Portal::start(&["--login-limit", "3/3600", "--trusted-proxy", "127.0.0.1/32"]);
    let log_in =
        |address: &str| portal.login_request(ADMIN, PASSWORD).forwarded_for(address).send();
    for _ in 0..3 {
        log_in("198.51.100.7").await.expect_json();
    }
    assert_rate_limited(&log_in("198.51.100.7").await);
    // Whatever the user, the password and the body.
    assert_rate_limited(&portal.login_request("x", "y").forwarded_for("198.51.100.7").send().await);
    assert_rate_limited(
        &portal.post("/api/auth/login").raw_json("{").forwarded_for("198.51.100.7").send().await,
    );
    log_in("198.51.100.8").await.expect_json();
    // Other routes have no such limit.
    let health = portal.get("/api/health").forwarded_for("198.51.100.7").send().await;
    assert_eq!(health.status, 200);
    portal.refresh("x").await.expect_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn ignores_spoofed_addresses() {
    let portal = Portal::start(&["--login-limit", "3/3600"]);
    for address in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        portal.login_request(ADMIN, PASSWORD).forwarded_for(address).send().await.expect_json();
    }
    assert_rate_limited(
        &portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.4").send().await,
    );
}

#[tokio::test]
async fn concurrent_logins_do_not_exceed_the_limit() {
    let portal = Portal::start(&["--login-limit", "3/3600"]);
    let requests = (0..40).map(|_| tokio::spawn(portal.login_request(ADMIN, PASSWORD).send()));
    let mut passed = 0;
    for request in requests.collect::<Vec<_>>() {
        let response = request.await.unwrap();
        if response.status == 200 {
            passed += 1;
        } else {
            assert_rate_limited(&response);
        }
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn limits_requests_by_address() {
    let portal = Portal::start(&["--api-limit", "5/3600", "--trusted-proxy", "127.0.0.1/32"]);
    for _ in 0..5 {
        let health = portal.get("/api/health").forwarded_for("198.51.100.7").send().await;
        assert_eq!(health.status, 200);
    }
    for path in ["/api/health", "/api/session", "/api/nothing"] {
        assert_rate_limited(&portal.get(path).forwarded_for("198.51.100.7").send().await);
    }
    let other = portal.get("/api/health").forwarded_for("198.51.100.8").send().await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn limits_requests_by_user() {
    let portal = Portal::start(&["--api-limit", "5/3600", "--trusted-proxy", "127.0.0.1/32"]);
    let log_in = portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.100").send().await;
    let admin = crate::tokens::Tokens::from_response(&log_in);
    let whoami = |last: usize| {
        portal.get("/api/whoami").auth(&admin).forwarded_for(&format!("198.51.100.{last}")).send()
    };
    for last in 0..5 {
        whoami(last).await.expect_json();
    }
    assert_rate_limited(&whoami(5).await);
    // Other clients at the same address are not limited by that.
    let other = portal.get("/api/health").forwarded_for("198.51.100.5").send().await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn limits_refreshes_by_user() {
    let portal = Portal::start(&["--refresh-limit", "2/3600"]);
    let mut admin = portal.log_in_admin().await;
    for _ in 0..2 {
        admin = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    }
    assert_rate_limited(&portal.refresh(&admin.refresh).await);
    portal.get("/api/whoami").auth(&admin).send().await.expect_json();
    let alice = portal.create_user(&admin, "alice").await;
    portal.refresh(&alice.refresh).await.expect_json();
}
