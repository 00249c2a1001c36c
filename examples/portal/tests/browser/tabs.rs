//! Several tabs of one session that refresh at the same time.

use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::Browser;
use crate::portal::{ADMIN, Caller, Portal};
use crate::until;

/// Refreshes at the given time in all tabs, and stores the result.
const REFRESH_AT: &str = "
    const [moment, withLocks] = arguments;
    if (!withLocks) Object.defineProperty(navigator, 'locks', { value: undefined });
    return import('/page/tokens.js').then((tokens) => {
        const { accessToken, refreshToken } = tokens.current();
        window.renewal = new Promise((done) => setTimeout(done, moment - Date.now()))
            .then(() => tokens.refreshSession(accessToken))
            .then((record) => ({ spent: refreshToken, next: record.refreshToken }));
    })";

#[tokio::test]
async fn concurrent_refreshes_of_tabs_keep_session() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let (tabs, audit) = (two_tabs(&portal, &browser).await, portal.admin().await);
    for round in 1..=3 {
        let renewed = refresh_concurrently(&browser, &tabs, true).await;
        assert_eq!(renewed[0], renewed[1]);
        assert_ne!(renewed[0]["spent"], renewed[0]["next"]);
        let count = audit.count("token.refresh", ADMIN).await;
        assert!((round..=2 * round).contains(&count), "{count} renewals in {round} rounds");
    }
    assert_signed_in(&browser, &tabs, &audit).await;
    browser.end().await;
}

#[tokio::test]
async fn returns_same_successor_to_tabs_without_locks() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let (tabs, audit) = (two_tabs(&portal, &browser).await, portal.admin().await);
    let renewed = refresh_concurrently(&browser, &tabs, false).await;
    assert_eq!(renewed[0], renewed[1]);
    assert_eq!(audit.count("token.refresh", ADMIN).await, 2);
    assert_signed_in(&browser, &tabs, &audit).await;
    browser.end().await;
}

#[tokio::test]
async fn tabs_refresh_before_token_expires() {
    let portal = Portal::start(&["--access-ttl", "4s"]);
    let browser = Browser::open(&portal).await;
    let tabs = two_tabs(&portal, &browser).await;
    let token = "return JSON.parse(localStorage.getItem('portal.session')).refreshToken";
    for _ in 0..3 {
        let spent = browser.run(token, []).await;
        until("a renewal", || async { (browser.run(token, []).await != spent).then_some(()) })
            .await;
    }
    assert_signed_in(&browser, &tabs, &portal.admin().await).await;
    browser.end().await;
}

#[tokio::test]
async fn signing_out_affects_all_tabs() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let tabs = two_tabs(&portal, &browser).await;
    browser.press("Sign out").await;
    browser.sees("You are signed out.").await;
    browser.turn_to(&tabs[0]).await;
    browser.sees("You are signed out, as you are in another tab.").await;

    browser.sign_in(ADMIN).await;
    browser.turn_to(&tabs[1]).await;
    browser.is_at("Sessions").await;
    browser.end().await;
}

/// The admin's page in two tabs; the second is in front.
async fn two_tabs(portal: &Portal, browser: &Browser) -> Vec<WindowHandle> {
    browser.sign_in(ADMIN).await;
    let tabs = browser.open_tab().await;
    browser.go_to(portal).await;
    browser.is_at("Sessions").await;
    assert_eq!(tabs.len(), 2);
    tabs
}

async fn refresh_concurrently(
    browser: &Browser,
    tabs: &[WindowHandle],
    with_locks: bool,
) -> Vec<Value> {
    // In time for both to be told of it.
    let moment = browser.run("return Date.now() + 3000", []).await;
    for tab in tabs {
        browser.turn_to(tab).await;
        browser.run(REFRESH_AT, [moment.clone(), json!(with_locks)]).await;
    }
    let mut renewed = Vec::new();
    for tab in tabs {
        browser.turn_to(tab).await;
        renewed.push(browser.run("return window.renewal", []).await);
    }
    renewed
}

/// Both tabs still have the session, and no reuse was recorded.
async fn assert_signed_in(browser: &Browser, tabs: &[WindowHandle], audit: &Caller) {
    for tab in tabs {
        browser.turn_to(tab).await;
        browser.press("Account").await;
        browser.is_at("Account").await;
        browser.sees("No agent is registered").await;
        browser.press("Sessions").await;
        browser.is_at("Sessions").await;
        browser.sees("This session").await;
    }
    assert_eq!(audit.count("token.reuse", ADMIN).await, 0);
}
