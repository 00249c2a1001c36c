//! Device tokens: a device that signed in before is familiar at every address.

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::response::ApiResponse;
use crate::tokens::Tokens;

/// The address that the owner shares with a guesser.
const SHARED: &str = "203.0.113.1";

fn start() -> Portal {
    Portal::start(&["--trusted-proxy", "127.0.0.0/8"])
}

/// Guesses from many addresses, and locks the shared one.
async fn guess(portal: &Portal) {
    let addresses = (0..21).map(|number| format!("198.51.100.{number}"));
    for address in addresses.chain((0..5).map(|_| SHARED.to_owned())) {
        let wrong = portal.login_request(ADMIN, "wrong").forwarded_for(&address).send().await;
        wrong.expect_problem(401, "invalid_credentials");
    }
}

/// Returns the name and the value of the device cookie.
fn cookie(response: &ApiResponse) -> String {
    let cookie = response.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Max-Age=7776000; Path=/; Secure; HttpOnly; SameSite=Strict");
    assert!(pair.starts_with("__Host-kleidia-device-"), "{pair}");
    pair.to_owned()
}

#[tokio::test]
async fn device_signs_in_from_anywhere_during_an_attack() {
    let portal = start();
    let first = portal.login_request(ADMIN, PASSWORD).forwarded_for("192.0.2.7").send().await;
    let (cookie_pair, token) = (cookie(&first), first.header("x-device-token").unwrap());
    assert!(cookie_pair.ends_with(&format!("={token}")));
    guess(&portal).await;
    let log_in = || portal.login_request(ADMIN, PASSWORD).forwarded_for(SHARED);
    log_in().send().await.expect_problem(401, "invalid_credentials");
    log_in()
        .header("x-device-token", &"A".repeat(43))
        .send()
        .await
        .expect_problem(401, "invalid_credentials");
    let by_cookie = log_in().header("cookie", &format!("other=1; {cookie_pair}")).send().await;
    Tokens::from_response(&by_cookie);
    assert_eq!(cookie(&by_cookie), cookie_pair, "the cookie is renewed");
    guess(&portal).await;
    Tokens::from_response(&log_in().header("x-device-token", token).send().await);
    assert!(!portal.log().contains(token));
}

#[tokio::test]
async fn device_token_is_not_a_credential() {
    let portal = start();
    let first = portal.login_request(ADMIN, PASSWORD).send().await;
    let token = first.header("x-device-token").unwrap();
    let wrong = portal.login_request(ADMIN, "wrong").header("x-device-token", token).send().await;
    wrong.expect_problem(401, "invalid_credentials");
    assert!(wrong.header("set-cookie").is_none() && wrong.header("x-device-token").is_none());
    let bearer = portal.get("/api/session").bearer_auth(token).send().await;
    bearer.expect_problem(401, "token_invalid");
}
