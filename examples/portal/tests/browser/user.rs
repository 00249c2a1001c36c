//! The views of users: sessions, password and agent.

use kleidia_tower::agent::AgentKey;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::browser::Browser;
use crate::portal::{PASSWORD, Portal};

const NEW_PASSWORD: &str = "another staple for the battery";

#[tokio::test]
async fn lists_and_ends_sessions() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let other = portal.log_in("alice", PASSWORD).await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("Alice").await;
    browser.assert_text("Signed in as alice.").await;
    browser.assert_text("This session").await;
    browser.assert_text("Other/1.0").await;
    // Views for admins are not shown.
    assert!(!browser.text().await.contains("Audit log"));

    browser.press("End the session of Other, 127.0.0.1").await;
    browser.press("Cancel").await;
    assert_eq!(other.get("session").await.as_array().unwrap().len(), 2);
    browser.press("End the session of Other, 127.0.0.1").await;
    browser.press("End session").await;
    browser.assert_text("The session is ended.").await;
    browser.assert_view("Sessions").await;
    browser.assert_text_absent("Other/1.0").await;
    let (status, body) = other.call(Method::GET, "session", Value::Null).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("session_expired"))
    );

    let other = portal.log_in("alice", PASSWORD).await;
    browser.press("Sign out everywhere").await;
    // The button in the dialog.
    browser.press("Sign out everywhere").await;
    browser.assert_text("You are signed out everywhere.").await;
    browser.assert_focus("User name").await;
    let (status, _) = other.call(Method::GET, "session", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    browser.close().await;
}

#[tokio::test]
async fn changes_password() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let other = portal.log_in("alice", PASSWORD).await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("alice").await;
    browser.press("Password").await;
    browser.assert_view("Change password").await;

    type_passwords(&browser, "wrong", NEW_PASSWORD, NEW_PASSWORD).await;
    browser.assert_text("The current password is wrong.").await;
    browser.assert_focus("Current password").await;
    type_passwords(&browser, PASSWORD, NEW_PASSWORD, "another").await;
    browser.assert_text("The new passwords differ.").await;
    browser.assert_focus("New password again").await;
    type_passwords(&browser, PASSWORD, "alice", "alice").await;
    browser.assert_text("It is too short: fewer than 8 characters.").await;
    browser.assert_text("The user name is part of it.").await;
    browser.assert_focus("New password").await;

    type_passwords(&browser, PASSWORD, NEW_PASSWORD, NEW_PASSWORD).await;
    browser.assert_text("Your password is changed.").await;
    let (status, _) = other.call(Method::GET, "session", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = portal.try_log_in("alice", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // The page has a new session that can be refreshed, and the old one has ended.
    let refresh = "return import('/page/login.js').then(async (login) => {
        const { id } = login.current();
        return (await login.refreshSession(id)).id !== id; })";
    assert_eq!(browser.run(refresh, []).await, true);
    browser.press("Sessions").await;
    browser.assert_view("Sessions").await;
    browser.assert_text("This session").await;
    let sessions = portal.log_in("alice", NEW_PASSWORD).await.get("session").await;
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    browser.close().await;
}

#[tokio::test]
async fn registers_agent() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in("root").await;
    browser.press("Account").await;
    browser.assert_text("No agent is registered for this session.").await;
    browser.assert_text("audit:read").await;

    browser.fill("Public key", "no key").await;
    browser.press("Register the agent").await;
    browser.assert_text("That is not the public key of an agent").await;
    let key = AgentKey::generate().await.unwrap().public_key().to_pem();
    // With white space around it.
    browser.fill("Public key", &format!("\n  {}\n\n", key.trim())).await;
    browser.press("Register the agent").await;
    browser.assert_text("An agent is registered for this session.").await;
    browser.assert_focus("Another public key").await;
    let sessions = "return import('/page/api.js').then((api) => api.sessions())";
    assert_eq!(browser.run(sessions, []).await[0]["agent_key"], key);
    browser.press("Sessions").await;
    browser.assert_text("key registered").await;

    browser.press("Sign out").await;
    browser.assert_text("You are signed out.").await;
    assert_eq!(browser.run("return localStorage.length", []).await, 0);
    assert_eq!(portal.log_in_admin().await.count("logout", "root").await, 1);
    browser.close().await;
}

async fn type_passwords(browser: &Browser, current: &str, new: &str, again: &str) {
    browser.fill("Current password", current).await;
    browser.fill("New password", new).await;
    browser.fill("New password again", again).await;
    browser.press("Change password").await;
}
