//! The views of admins: users and the audit log.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::wait_for;

#[tokio::test]
async fn admin_creates_changes_and_disables_users() {
    let portal = Portal::start(&["--lockout-threshold", "1", "--lockout-base", "15m"]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.press("Users").await;
    browser.assert_view("Users").await;
    create(&browser, ADMIN, "short").await;
    browser.assert_text("It is too short: fewer than 8 characters.").await;
    browser.fill("First password", PASSWORD).await;
    browser.press("Create user").await;
    browser.assert_text("A user has that name, or had it.").await;
    browser.fill("User name", "Bob").await;
    browser.press("Create user").await;
    browser.assert_text("bob is created.").await;
    browser.assert_focus("Manage bob").await;
    let bob = portal.log_in("bob", PASSWORD).await;
    assert_eq!(bob.get("whoami").await["roles"], json!(["user"]));

    browser.press("Manage bob").await;
    browser.tick("admin").await;
    browser.press("Save roles").await;
    browser.assert_text("The roles of bob are saved.").await;
    assert_eq!(bob.get("whoami").await["roles"], json!(["admin", "user"]));

    browser.press("Manage bob").await;
    confirm(&browser, "End sessions").await;
    browser.assert_text("The sessions of bob are ended.").await;
    let (status, _) = bob.call(Method::GET, "whoami", Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    browser.press("Manage bob").await;
    confirm(&browser, "Disable").await;
    browser.assert_text("bob is disabled.").await;
    browser.assert_text("Disabled").await;
    let (_, body) = portal.try_log_in("bob", PASSWORD).await;
    assert_eq!(body["code"], "account_disabled");
    browser.press("Manage bob").await;
    browser.press("Enable").await;
    browser.assert_text("bob is enabled.").await;

    portal.try_log_in("bob", "wrong").await;
    let (status, _) = portal.try_log_in("bob", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    browser.press("Manage bob").await;
    browser.press("Unlock sign-in").await;
    browser.assert_text("Sign-in of bob is unlocked.").await;
    portal.log_in("bob", PASSWORD).await;
    browser.close().await;
}

#[tokio::test]
async fn audit_log_is_filtered_and_paged() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let alice = portal.log_in("alice", PASSWORD).await;
    portal.try_log_in("alice", "wrong").await;
    for _ in 0..60 {
        // Each denial is recorded.
        alice.call(Method::DELETE, "admin/audit", Value::Null).await;
    }
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.press("Audit log").await;
    browser.assert_view("Audit log").await;
    assert_rows(&browser, 50).await;
    browser.press("Show older").await;
    let all = portal.log_in_admin().await.get("admin/audit?limit=1000").await;
    // The records of this login appear by themselves.
    assert_rows(&browser, all.as_array().unwrap().len()).await;

    browser.choose("Event", "Sign-in failed").await;
    browser.fill("User", "Alice").await;
    browser.press("Filter").await;
    browser.assert_text("One entry.").await;
    browser.assert_text("wrong-password").await;
    browser.choose("Outcome", "Success").await;
    browser.press("Filter").await;
    browser.assert_text("Nothing matches.").await;
    browser.close().await;
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
        browser.assert_text(name).await;
        assert_eq!(browser.run("return document.images.length", []).await, 0);
    }
    browser.press("Users").await;
    browser.press(&format!("Manage {name}")).await;
    browser.assert_text("Save roles").await;
    assert_eq!(browser.run("return document.title", []).await, "Users · Portal");
    browser.close().await;
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

/// Waits until the table has this number of rows.
///
/// A text of a row does not tell that the rows are there: the filters list the same texts.
async fn assert_rows(browser: &Browser, expected: usize) {
    wait_for(&format!("{expected} rows"), || async {
        let count = browser.run("return document.querySelectorAll('tbody tr').length", []).await;
        (count.as_u64() == u64::try_from(expected).ok()).then_some(())
    })
    .await;
}
