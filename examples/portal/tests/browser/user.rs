//! A user's whole journey: in, sessions, password, agent, out.

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
    browser.sees("Signed in as alice.").await;
    browser.sees("This session").await;
    browser.sees("Other/1.0").await;
    // What only admins may see is not offered.
    assert!(!browser.text().await.contains("Audit log"));

    browser.press("End the session of Other, 127.0.0.1").await;
    browser.press("Cancel").await;
    assert_eq!(other.get("session").await.as_array().unwrap().len(), 2);
    browser.press("End the session of Other, 127.0.0.1").await;
    browser.press("End session").await;
    browser.sees("The session is ended.").await;
    browser.is_at("Sessions").await;
    browser.sees_no("Other/1.0").await;
    let (status, body) = other.call(Method::GET, "session", Value::Null).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("session_expired"))
    );

    let other = portal.log_in("alice", PASSWORD).await;
    browser.press("Sign out everywhere").await;
    // Now the one in the dialog.
    browser.press("Sign out everywhere").await;
    browser.sees("You are signed out everywhere.").await;
    browser.focuses("User name").await;
    let (status, _) = other.call(Method::GET, "session", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    browser.end().await;
}

#[tokio::test]
async fn changes_password() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let other = portal.log_in("alice", PASSWORD).await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("alice").await;
    browser.press("Password").await;
    browser.is_at("Change password").await;

    type_passwords(&browser, "wrong", NEW_PASSWORD, NEW_PASSWORD).await;
    browser.sees("The current password is wrong.").await;
    browser.focuses("Current password").await;
    type_passwords(&browser, PASSWORD, NEW_PASSWORD, "another").await;
    browser.sees("The new passwords differ.").await;
    browser.focuses("New password again").await;
    type_passwords(&browser, PASSWORD, "alice", "alice").await;
    browser.sees("It is too short: fewer than 8 characters.").await;
    browser.sees("The user name is part of it.").await;
    browser.focuses("New password").await;

    type_passwords(&browser, PASSWORD, NEW_PASSWORD, NEW_PASSWORD).await;
    browser.sees("Your password is changed.").await;
    let (status, _) = other.call(Method::GET, "session", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = portal.try_log_in("alice", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // The page goes on, with a session that can be renewed, and without the one before.
    let renew = "return import('/page/tokens.js').then(async (tokens) => {
        const { accessToken } = tokens.current();
        return (await tokens.refreshSession(accessToken)).accessToken !== accessToken; })";
    assert_eq!(browser.run(renew, []).await, true);
    browser.press("Sessions").await;
    browser.is_at("Sessions").await;
    browser.sees("This session").await;
    let sessions = portal.log_in("alice", NEW_PASSWORD).await.get("session").await;
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    browser.end().await;
}

#[tokio::test]
async fn registers_agent() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in("root").await;
    browser.press("Account").await;
    browser.sees("No agent is registered for this session.").await;
    browser.sees("audit:read").await;

    browser.fill("Public key", "no key").await;
    browser.press("Register the agent").await;
    browser.sees("That is not the public key of an agent").await;
    let key = AgentKey::generate().await.unwrap().public_key().to_pem();
    // Copied with what was around it.
    browser.fill("Public key", &format!("\n  {}\n\n", key.trim())).await;
    browser.press("Register the agent").await;
    browser.sees("An agent is registered for this session.").await;
    browser.focuses("Another public key").await;
    let sessions = "return import('/page/api.js').then((api) => api.sessions())";
    assert_eq!(browser.run(sessions, []).await[0]["agent_key"], key);
    browser.press("Sessions").await;
    browser.sees("key registered").await;

    browser.press("Sign out").await;
    browser.sees("You are signed out.").await;
    assert_eq!(browser.run("return localStorage.length", []).await, 0);
    assert_eq!(portal.admin().await.count("logout", "root").await, 1);
    browser.end().await;
}

async fn type_passwords(browser: &Browser, current: &str, new: &str, again: &str) {
    browser.fill("Current password", current).await;
    browser.fill("New password", new).await;
    browser.fill("New password again", again).await;
    browser.press("Change password").await;
}
