//! An admin's journey: users created, changed and kept out, and the audit log.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::portal::{ADMIN, PASSWORD, Portal};

#[tokio::test]
async fn admin_creates_changes_and_disables_users() {
    let portal = Portal::start(&["--lockout-threshold", "1", "--lockout-base", "15m"]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.press("Users").await;
    browser.is_at("Users").await;
    create(&browser, ADMIN, "short").await;
    browser.sees("It is too short: fewer than 8 characters.").await;
    browser.fill("First password", PASSWORD).await;
    browser.press("Create user").await;
    browser.sees("There is a user of that name already.").await;
    browser.fill("User name", "Bob").await;
    browser.press("Create user").await;
    browser.sees("bob is created.").await;
    browser.focuses("Manage bob").await;
    let bob = portal.log_in("bob", PASSWORD).await;
    assert_eq!(bob.get("whoami").await["roles"], json!(["user"]));

    browser.press("Manage bob").await;
    browser.tick("admin").await;
    browser.press("Save roles").await;
    browser.sees("The roles of bob are saved.").await;
    assert_eq!(bob.get("whoami").await["roles"], json!(["admin", "user"]));

    browser.press("Manage bob").await;
    confirm(&browser, "End sessions").await;
    browser.sees("The sessions of bob are ended.").await;
    let (status, _) = bob.call(Method::GET, "whoami", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    browser.press("Manage bob").await;
    confirm(&browser, "Disable").await;
    browser.sees("bob is disabled.").await;
    browser.sees("Disabled").await;
    let (_, body) = portal.try_log_in("bob", PASSWORD).await;
    assert_eq!(body["code"], "account_disabled");
    browser.press("Manage bob").await;
    browser.press("Enable").await;
    browser.sees("bob is enabled.").await;

    portal.try_log_in("bob", "wrong").await;
    let (status, _) = portal.try_log_in("bob", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    browser.press("Manage bob").await;
    browser.press("Unlock sign-in").await;
    browser.sees("Sign-in of bob is unlocked.").await;
    portal.log_in("bob", PASSWORD).await;
    browser.end().await;
}

#[tokio::test]
async fn audit_log_is_filtered_and_paged() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let alice = portal.log_in("alice", PASSWORD).await;
    portal.try_log_in("alice", "wrong").await;
    for _ in 0..60 {
        // Each is recorded: not even admins may do that.
        alice.call(Method::DELETE, "admin/audit", Value::Null).await;
    }
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.press("Audit log").await;
    browser.is_at("Audit log").await;
    browser.sees("Permission denied").await;
    assert_eq!(rows(&browser).await, 50);
    browser.press("Show older").await;
    browser.sees("User created").await;
    let all = portal.admin().await.get("admin/audit?limit=1000").await;
    // But for the admin's login of just now, which left two records.
    assert_eq!(rows(&browser).await, all.as_array().unwrap().len() - 2);

    browser.choose("Event", "Sign-in failed").await;
    browser.fill("User", "Alice").await;
    browser.press("Filter").await;
    browser.sees("One entry.").await;
    browser.sees("wrong-password").await;
    browser.choose("Outcome", "Success").await;
    browser.press("Filter").await;
    browser.sees("Nothing matches.").await;
    browser.end().await;
}

#[tokio::test]
async fn escapes_text_of_other_users() {
    let portal = Portal::start(&[]);
    let name = "<img src=x onerror=document.title='owned'>";
    portal.create_user(name).await;
    portal.log_in(name, PASSWORD).await;
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    for view in ["Users", "Audit log"] {
        browser.press(view).await;
        browser.sees(name).await;
        assert_eq!(browser.run("return document.images.length", []).await, 0);
    }
    browser.press("Users").await;
    browser.press(&format!("Manage {name}")).await;
    browser.sees("Save roles").await;
    assert_eq!(browser.run("return document.title", []).await, "Users · Portal");
    browser.end().await;
}

async fn create(browser: &Browser, name: &str, password: &str) {
    browser.press("Create user").await;
    browser.fill("User name", name).await;
    browser.fill("First password", password).await;
    browser.press("Create user").await;
}

/// Presses a button that asks for confirmation.
async fn confirm(browser: &Browser, action: &str) {
    browser.press(action).await;
    browser.press(&format!("{action}: are you sure?")).await;
}

async fn rows(browser: &Browser) -> usize {
    let count = browser.run("return document.querySelectorAll('tbody tr').length", []).await;
    usize::try_from(count.as_u64().unwrap()).unwrap()
}
