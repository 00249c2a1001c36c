//! The login where the browser blocks storage, has none left, or discards tabs, and long timers.

use serde_json::json;

use crate::browser::Browser;
use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::wait_for;

const VISIBILITY: &str = "return document.visibilityState";
const BLOCKED: &str = "This browser does not keep the cookies that signing in needs.";
const NOTICE: &str = "This browser does not let this page store data.";
/// Fills the storage up to the last octet.
const FILL: &str = "for (let size = 2 ** 22; size >= 1; size /= 2) {
        for (;;) {
            try { localStorage.setItem(`full-${Math.random()}`, 'x'.repeat(size)) } catch { break }
        }
    }";

#[tokio::test]
async fn blocked_cookies_are_reported() {
    let portal = Portal::start(&[]);
    let browser = Browser::open_without_storage(&portal).await;
    let is_blocked = "try { localStorage; return false } catch { return true }";
    assert_eq!(browser.run(is_blocked, []).await, true);
    browser.assert_text(BLOCKED).await;
    browser.fill("User name", ADMIN).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.assert_error(BLOCKED).await;
    assert_eq!(portal.log_in_admin().await.count("session.created", ADMIN).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn full_storage_keeps_user_signed_in() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.run(FILL, []).await;
    browser.sign_in(ADMIN).await;
    browser.assert_text(NOTICE).await;
    browser.press("Account").await;
    browser.assert_view("Account").await;
    // As soon as there is room, the next refresh stores the record.
    let refresh = "localStorage.clear();
        return import('/page/login.js')
            .then((login) => login.refreshSession(login.current().id))
            .then(() => localStorage.getItem('portal.session') !== null)";
    assert_eq!(browser.run(refresh, []).await, true);
    browser.assert_text_absent(NOTICE).await;
    browser.reload().await;
    browser.assert_view("Account").await;
    browser.close().await;
}

/// The page does not know who is signed in after it was reloaded.
#[tokio::test]
async fn full_storage_signs_out_when_the_page_is_reloaded() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.run(FILL, []).await;
    browser.sign_in(ADMIN).await;
    browser.reload().await;
    browser.assert_focus("User name").await;
    wait_for("no cookies", || async { browser.token_cookies().await.is_empty().then_some(()) })
        .await;
    assert_eq!(portal.log_in_admin().await.count("logout", ADMIN).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn discarded_tab_keeps_user_signed_in() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    // A discarded tab loses its locks without an event: here, it can do nothing when it is closed.
    browser.run("Storage.prototype.removeItem = () => {}", []).await;
    browser.open_tab().await;
    browser.close_other_tabs().await;
    browser.go_to(&portal).await;
    browser.assert_view("Sessions").await;
    browser.press("Sign out").await;
    browser.assert_text("You are signed out.").await;
    assert_eq!(browser.run("return localStorage.length", []).await, 0);
    browser.close().await;
}

/// A duplicated tab starts with a copy of the other one's storage.
#[tokio::test]
async fn closing_a_duplicated_tab_does_not_close_the_other() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    let original = browser.current_tab().await;
    browser.run("window.open(location.href)", []).await;
    browser.switch_to_other_than(&original).await;
    browser.assert_view("Sessions").await;
    let name = "return sessionStorage.getItem('portal.tab')";
    let duplicate = browser.run(name, []).await;
    browser.close_tab().await;
    browser.switch_to(&original).await;
    assert_ne!(browser.run(name, []).await, duplicate);
    // The original is discarded: it can do nothing when it is closed.
    browser.run("Storage.prototype.removeItem = () => {}", []).await;
    browser.open_tab().await;
    browser.close_other_tabs().await;
    browser.go_to(&portal).await;
    browser.assert_view("Sessions").await;
    browser.close().await;
}

/// The browser discards only hidden tabs, so a visible one that ended without an event has crashed.
#[tokio::test]
async fn closing_the_page_signs_out_after_a_visible_tab_crashed() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    let crashed = browser.current_tab().await;
    let other = browser.open_window().await;
    browser.switch_to(&crashed).await;
    assert_eq!(browser.run(VISIBILITY, []).await, "visible");
    browser.crash_tab().await;
    browser.switch_to(&other).await;
    browser.go_to(&portal).await;
    browser.assert_focus("User name").await;
    browser.assert_signed_out().await;
    browser.close().await;
}

/// It may have been discarded.
#[tokio::test]
async fn closing_the_page_signs_out_some_hours_after_a_hidden_tab_crashed() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    let crashed = browser.current_tab().await;
    browser.open_tab().await;
    let other = browser.current_tab().await;
    // The driver shows the tab that it controls.
    browser.switch_to(&crashed).await;
    let hide = "Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
        document.dispatchEvent(new Event('visibilitychange'))";
    browser.run(hide, []).await;
    browser.crash_tab().await;
    browser.switch_to(&other).await;
    browser.go_to_health(&portal).await;
    for (hours, is_signed_in) in [(7, true), (9, false)] {
        let age = "for (const key of Object.keys(localStorage)) {
                if (key.startsWith('portal.tab.')) {
                    localStorage.setItem(key, Date.now() - arguments[0] * 3600_000);
                }
            }
            return Object.keys(localStorage).filter((key) => key.startsWith('portal.tab.')).length";
        assert_eq!(browser.run(age, [json!(hours)]).await, 1);
        let tab = browser.current_tab().await;
        browser.open_tab().await;
        browser.go_to(&portal).await;
        if is_signed_in {
            browser.assert_view("Sessions").await;
            browser.close_tab().await;
            browser.switch_to(&tab).await;
        } else {
            browser.assert_focus("User name").await;
            browser.assert_signed_out().await;
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn timer_beyond_the_maximum_is_set_once() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    // As with a long-lived token, or if the clock was set back by a month.
    let count = "
        const record = JSON.parse(localStorage.getItem('portal.session'));
        record.refreshAt = Date.now() + arguments[0];
        localStorage.setItem('portal.session', JSON.stringify(record));
        const original = window.setTimeout;
        let timers = 0;
        // Other modules have timers too.
        window.setTimeout = (run, ...given) => {
            if (run.name === 'refreshWhenDue') timers++;
            return original(run, ...given);
        };
        document.dispatchEvent(new Event('visibilitychange'));
        return new Promise((done) => original(() => {
            window.setTimeout = original;
            done(timers);
        }, 1000))";
    for days in [1_u64, 30, 365] {
        let timers = browser.run(count, [json!(days * 24 * 3600 * 1000)]).await;
        assert_eq!(timers, 1, "{days} days");
    }
    browser.close().await;
}
