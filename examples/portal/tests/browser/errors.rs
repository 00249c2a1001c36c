//! The page when the server is unreachable, limits requests, or disables the user.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::portal::{ADMIN, PASSWORD, Portal};

#[tokio::test]
async fn reports_lost_connection_and_recovers() {
    let mut portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.assert_text("This session").await;
    portal.stop();
    browser.press("Users").await;
    browser.assert_text("The server can’t be reached.").await;
    browser.assert_text("The connection to the server is lost.").await;

    portal.restart();
    browser.assert_text("Connected again.").await;
    // The page repeats the failed request.
    browser.assert_text("Manage").await;
    browser.assert_text_absent("The connection to the server is lost.").await;
    browser.close().await;
}

#[tokio::test]
async fn reports_sign_out_without_connection() {
    let mut portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.assert_text("This session").await;
    portal.stop();
    browser.press("Sign out").await;
    browser.assert_text("The server is unreachable").await;
    // No script can delete the cookies.
    let record = "return localStorage.getItem('portal.session')";
    assert_eq!(browser.run(record, []).await, Value::Null);
    assert_eq!(browser.token_cookies().await.len(), 3);
    portal.restart();
    browser.assert_signed_out().await;
    assert_eq!(portal.log_in_admin().await.count("logout", ADMIN).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn reports_rate_limit_with_time_to_wait() {
    let portal = Portal::start(&["--login-limit", "1/1800"]);
    portal.log_in_admin().await;
    let browser = Browser::open(&portal).await;
    browser.fill("User name", ADMIN).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.assert_text("Too many requests. Please wait 30 minutes.").await;
    let button = "return document.querySelector('form .primary').ariaDisabled";
    assert_eq!(browser.run(button, []).await, "true");
    // The form keeps its input.
    let typed = "return document.querySelector('[name=password]').value.length";
    assert_eq!(browser.run(typed, []).await, PASSWORD.len());
    browser.close().await;
}

#[tokio::test]
async fn signs_out_disabled_user() {
    let portal = Portal::start(&[]);
    let alice = portal.create_user("alice").await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("alice").await;
    let path = format!("admin/users/{alice}");
    let body = json!({"disabled": true});
    let (status, _) = portal.log_in_admin().await.call(Method::PATCH, &path, body).await;
    assert_eq!(status, StatusCode::OK);
    browser.assert_text("This account is disabled.").await;
    browser.assert_focus("User name").await;
    browser.fill("User name", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.assert_text("This account is disabled.").await;
    browser.close().await;
}
