//! Signing in: with the keyboard, with a wrong password, while locked out.

use reqwest::StatusCode;
use thirtyfour::Key;

use crate::browser::Browser;
use crate::portal::{ADMIN, PASSWORD, Portal};

/// The message for a wrong password, and for everything that must look the same.
const WRONG: &str = "The user name or the password is wrong.";

#[tokio::test]
async fn works_with_keyboard_alone() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let browser = Browser::open(&portal).await;
    browser.assert_focus("User name").await;
    browser.type_keys("alice").await;
    browser.key(Key::Tab).await;
    browser.assert_focus("Password").await;
    browser.type_keys(PASSWORD).await;
    browser.key(Key::Enter).await;
    browser.assert_view("Sessions").await;

    browser.assert_text("This session").await;
    browser.key(Key::Tab).await;
    browser.assert_focus("End this session").await;
    browser.key(Key::Enter).await;
    browser.assert_focus("Cancel").await;
    browser.key(Key::Escape).await;
    browser.assert_focus("End this session").await;

    browser.key(Key::Enter).await;
    browser.assert_focus("Cancel").await;
    browser.key(Key::Tab).await;
    browser.assert_focus("End and sign out").await;
    browser.key(Key::Enter).await;
    browser.assert_focus("User name").await;
    browser.assert_text("You are signed out.").await;
    browser.close().await;
}

#[tokio::test]
async fn wrong_password_and_lockout_show_same_message() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--lockout-base", "15m"]);
    portal.create_user("alice").await;
    let browser = Browser::open(&portal).await;
    for name in ["alice", "alice", "nobody"] {
        browser.fill("User name", name).await;
        browser.fill("Password", "wrong").await;
        browser.press("Sign in").await;
        browser.assert_text(WRONG).await;
        browser.assert_focus("Password").await;
        browser.reload().await;
        browser.assert_focus("User name").await;
    }
    // The account is locked now, so the correct password is rejected too.
    let (status, body) = portal.try_log_in("alice", PASSWORD).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("invalid_credentials"))
    );
    browser.fill("User name", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.assert_text(WRONG).await;
    browser.assert_text_absent("locked").await;
    browser.close().await;
}

#[tokio::test]
async fn link_with_device_token_works_while_guessing_continues() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--lockout-base", "15m"]);
    portal.create_user("alice").await;
    let token = portal.unlock_with_device("alice");
    for _ in 0..2 {
        portal.try_log_in("alice", "wrong").await;
    }
    let (status, _) = portal.try_log_in("alice", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let browser = Browser::open(&portal).await;
    browser.run("location.hash = arguments[0]", [format!("device={token}").into()]).await;
    browser.sign_in("alice").await;
    browser.close().await;
}

#[tokio::test]
async fn reports_empty_fields_without_request() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.fill("Password", "something").await;
    browser.press("Sign in").await;
    browser.assert_text("Please fill in this field.").await;
    browser.assert_focus("User name").await;
    let invalid = "return document.activeElement.ariaInvalid";
    assert_eq!(browser.run(invalid, []).await, "true");
    assert_eq!(portal.log_in_admin().await.count("login.failure", "").await, 0);
    browser.close().await;
}

#[tokio::test]
async fn closing_the_page_signs_out() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in("root").await;
    browser.reload().await;
    browser.assert_view("Sessions").await;

    // Closing one of two tabs does not sign out.
    browser.open_tab().await;
    browser.go_to(&portal).await;
    browser.assert_view("Sessions").await;
    browser.close_other_tabs().await;
    browser.reload().await;
    browser.assert_view("Sessions").await;

    // The browser exits with its last tab, so the next one is opened first.
    browser.open_tab().await;
    browser.close_other_tabs().await;
    browser.go_to(&portal).await;
    browser.assert_focus("User name").await;
    browser.assert_signed_out().await;
    assert_eq!(portal.log_in_admin().await.count("logout", ADMIN).await, 1);
    browser.close().await;
}
