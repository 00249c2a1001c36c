//! What the page shows by itself: the end of its session, other roles, and new audit records.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::portal::{ADMIN, ApiClient, PASSWORD, Portal};
use crate::wait_for;

#[tokio::test]
async fn session_that_is_ended_elsewhere_signs_out_all_tabs() {
    let portal = Portal::start(&[]);
    let alice = portal.create_user("alice").await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("alice").await;
    // A window of its own is visible too, a tab is hidden.
    let hidden = browser.current_tab().await;
    let tabs = browser.open_tab().await;
    browser.go_to(&portal).await;
    browser.assert_view("Sessions").await;
    let window = browser.open_window().await;
    browser.go_to(&portal).await;
    browser.assert_view("Sessions").await;
    let path = format!("admin/users/{alice}/sessions");
    let admin = portal.log_in_admin().await;
    let (status, _) = admin.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    for tab in tabs.iter().chain([&window, &hidden]) {
        browser.switch_to(tab).await;
        browser.assert_text("Your session has ended. Please sign in again.").await;
        browser.assert_text("User name").await;
    }
    browser.sign_in("alice").await;
    browser.close().await;
}

async fn set_roles(admin: &ApiClient, user: i64, roles: Value) {
    let path = format!("admin/users/{user}");
    let (status, body) = admin.call(Method::PATCH, &path, json!({ "roles": roles })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn views_follow_the_roles() {
    let portal = Portal::start(&[]);
    let alice = portal.create_user("alice").await;
    let admin = portal.log_in_admin().await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("alice").await;
    assert!(!browser.text().await.contains("Audit log"));
    set_roles(&admin, alice, json!(["admin"])).await;
    browser.assert_text("Your permissions have changed.").await;
    browser.press("Audit log").await;
    browser.assert_view("Audit log").await;
    assert_shown(&browser, "Roles changed").await;
    set_roles(&admin, alice, json!(["user"])).await;
    browser.assert_view("Sessions").await;
    browser.assert_text_absent("Audit log").await;
    browser.close().await;
}

#[tokio::test]
async fn hidden_tab_learns_other_roles_when_it_is_shown() {
    let portal = Portal::start(&[]);
    let alice = portal.create_user("alice").await;
    let admin = portal.log_in_admin().await;
    let browser = Browser::open(&portal).await;
    browser.sign_in("alice").await;
    let hidden = browser.current_tab().await;
    browser.open_tab().await;
    set_roles(&admin, alice, json!(["admin"])).await;
    browser.switch_to(&hidden).await;
    browser.press("Audit log").await;
    browser.assert_view("Audit log").await;
    browser.close().await;
}

#[tokio::test]
async fn audit_view_shows_what_another_portal_records() {
    let [here, there] = Portal::start_two();
    let browser = Browser::open(&here).await;
    browser.sign_in(ADMIN).await;
    browser.press("Audit log").await;
    assert_shown(&browser, "Session opened").await;
    there.create_user("alice").await;
    assert_shown(&browser, "alice").await;

    // Only what matches the filter.
    browser.fill("User", "Alice").await;
    browser.press("Filter").await;
    browser.assert_text("One entry.").await;
    there.create_user("bob").await;
    there.try_log_in("alice", "wrong").await;
    assert_shown(&browser, "wrong-password").await;
    assert!(!shown(&browser).await.contains("bob"));
    browser.close().await;
}

#[tokio::test]
async fn audit_view_continues_after_a_restart_and_while_it_is_hidden() {
    let mut portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.press("Audit log").await;
    assert_shown(&browser, "Session opened").await;
    portal.stop();
    portal.restart();
    // Before the page is connected again.
    portal.create_user("alice").await;
    assert_shown(&browser, "alice").await;

    let hidden = browser.current_tab().await;
    browser.open_tab().await;
    portal.create_user("bob").await;
    browser.switch_to(&hidden).await;
    assert_shown(&browser, "bob").await;
    portal.log_in("bob", PASSWORD).await;
    let all = portal.log_in_admin().await.get("admin/audit?limit=1000").await;
    let numbers: Vec<_> = all.as_array().unwrap().iter().map(|r| r["id"].to_string()).collect();
    // Each record once, the newest first.
    wait_for("all records", || async { (shown_ids(&browser).await == numbers).then_some(()) })
        .await;
    browser.close().await;
}

/// A refresh keeps the stream open.
#[tokio::test]
async fn stream_outlives_access_tokens() {
    let portal = Portal::start(&["--access-ttl", "4s"]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    browser.press("Audit log").await;
    assert_shown(&browser, "Session opened").await;
    for _ in 0..2 {
        let refreshed = shown(&browser).await.matches("Session refreshed").count() + 1;
        wait_for("a refresh", || async {
            let rows = shown(&browser).await;
            (rows.matches("Session refreshed").count() >= refreshed).then_some(())
        })
        .await;
    }
    // Requests are listed when they have ended.
    let streams = "return performance.getEntriesByType('resource')
        .filter(({ name }) => name.endsWith('/events')).length";
    assert_eq!(browser.run(streams, []).await, 0);
    browser.close().await;
}

/// Waits until a row has the text. The filters have the names of events too.
async fn assert_shown(browser: &Browser, text: &str) {
    wait_for(&format!("a row with {text:?}"), || async {
        shown(browser).await.contains(text).then_some(())
    })
    .await;
}

/// Returns the text of the rows.
async fn shown(browser: &Browser) -> String {
    let text = browser.run("return document.querySelector('tbody')?.innerText ?? ''", []).await;
    text.as_str().unwrap().to_owned()
}

async fn shown_ids(browser: &Browser) -> Vec<String> {
    let script =
        "return Array.from(document.querySelectorAll('tbody tr'), (row) => row.dataset.id)";
    let ids = browser.run(script, []).await;
    ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
