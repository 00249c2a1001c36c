//! Several tabs of one session that refresh at the same time.

use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::Browser;
use crate::portal::{ADMIN, ApiClient, Portal};
use crate::wait_for;

/// Refreshes at the given time in all tabs, and stores the result.
const REFRESH_AT: &str = "
    const [time, withLocks] = arguments;
    if (!withLocks) Object.defineProperty(navigator, 'locks', { value: undefined });
    return import('/page/login.js').then((login) => {
        const { id } = login.current();
        window.refresh = new Promise((done) => setTimeout(done, time - Date.now()))
            .then(() => login.refreshSession(id))
            .then((record) => ({ used: id, next: record.id, session: record.sessionId }));
    })";

#[tokio::test]
async fn concurrent_refreshes_of_tabs_keep_session() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let (tabs, audit) = (open_two_tabs(&portal, &browser).await, portal.log_in_admin().await);
    for round in 1..=3 {
        let refreshed = refresh_concurrently(&browser, &tabs, true).await;
        // The second tab may not see the record of the first one yet: then it gets the same successor.
        assert_eq!(refreshed[0]["session"], refreshed[1]["session"]);
        assert_ne!(refreshed[0]["used"], refreshed[0]["next"]);
        let count = audit.count("token.refresh", ADMIN).await;
        assert!((round..=2 * round).contains(&count), "{count} refreshes in {round} rounds");
    }
    assert_signed_in(&browser, &tabs, &audit).await;
    browser.close().await;
}

#[tokio::test]
async fn concurrent_refreshes_without_locks_keep_session() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let (tabs, audit) = (open_two_tabs(&portal, &browser).await, portal.log_in_admin().await);
    let before = browser.token_cookies().await;
    let refreshed = refresh_concurrently(&browser, &tabs, false).await;
    assert_eq!(refreshed[0]["session"], refreshed[1]["session"]);
    assert_eq!(audit.count("token.refresh", ADMIN).await, 2);
    // Both have received the same successor, of which the browser has one copy.
    let after = browser.token_cookies().await;
    assert_eq!((before.len(), after.len()), (3, 3));
    assert_ne!(before["__Secure-kleidia-refresh"], after["__Secure-kleidia-refresh"]);
    // It works once more.
    let refreshed = refresh_concurrently(&browser, &tabs, false).await;
    assert_eq!(refreshed[0]["session"], refreshed[1]["session"]);
    assert_signed_in(&browser, &tabs, &audit).await;
    browser.close().await;
}

#[tokio::test]
async fn tabs_refresh_before_token_expires() {
    let portal = Portal::start(&["--access-ttl", "4s"]);
    let browser = Browser::open(&portal).await;
    let tabs = open_two_tabs(&portal, &browser).await;
    let id = "return JSON.parse(localStorage.getItem('portal.session')).id";
    for _ in 0..3 {
        let used = browser.run(id, []).await;
        wait_for("a refresh", || async { (browser.run(id, []).await != used).then_some(()) }).await;
    }
    assert_signed_in(&browser, &tabs, &portal.log_in_admin().await).await;
    browser.close().await;
}

#[tokio::test]
async fn signing_out_affects_all_tabs() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let tabs = open_two_tabs(&portal, &browser).await;
    browser.press("Sign out").await;
    browser.assert_text("You are signed out.").await;
    browser.switch_to(&tabs[0]).await;
    browser.assert_text("You are signed out, as you are in another tab.").await;

    browser.sign_in(ADMIN).await;
    browser.switch_to(&tabs[1]).await;
    browser.assert_view("Sessions").await;
    browser.close().await;
}

/// Opens the admin's page in two tabs; the second is the current one.
async fn open_two_tabs(portal: &Portal, browser: &Browser) -> Vec<WindowHandle> {
    browser.sign_in(ADMIN).await;
    let tabs = browser.open_tab().await;
    browser.go_to(portal).await;
    browser.assert_view("Sessions").await;
    assert_eq!(tabs.len(), 2);
    tabs
}

async fn refresh_concurrently(
    browser: &Browser,
    tabs: &[WindowHandle],
    with_locks: bool,
) -> Vec<Value> {
    // Late enough to run the script in both tabs before.
    let time = browser.run("return Date.now() + 3000", []).await;
    for tab in tabs {
        browser.switch_to(tab).await;
        browser.run(REFRESH_AT, [time.clone(), json!(with_locks)]).await;
    }
    let mut refreshed = Vec::new();
    for tab in tabs {
        browser.switch_to(tab).await;
        refreshed.push(browser.run("return window.refresh", []).await);
    }
    refreshed
}

/// Asserts that both tabs still have the session, and that no reuse was recorded.
async fn assert_signed_in(browser: &Browser, tabs: &[WindowHandle], audit: &ApiClient) {
    for tab in tabs {
        browser.switch_to(tab).await;
        browser.press("Account").await;
        browser.assert_view("Account").await;
        browser.assert_text("No agent is registered").await;
        browser.press("Sessions").await;
        browser.assert_view("Sessions").await;
        browser.assert_text("This session").await;
    }
    assert_eq!(audit.count("token.reuse", ADMIN).await, 0);
}
