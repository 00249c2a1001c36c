//! The session where the browser blocks storage, has none left, or discards tabs, and long timers.

use serde_json::json;

use crate::browser::Browser;
use crate::portal::{ADMIN, Portal};

const NOTICE: &str = "This browser does not let this page store data.";

#[tokio::test]
async fn blocked_storage_keeps_user_signed_in() {
    let portal = Portal::start(&["--access-ttl", "4s"]);
    let browser = Browser::open_without_storage(&portal).await;
    let is_blocked = "try { localStorage; return false } catch { return true }";
    assert_eq!(browser.run(is_blocked, []).await, true);
    browser.assert_text(NOTICE).await;
    browser.sign_in(ADMIN).await;
    // Until after a refresh.
    browser.run("return new Promise((done) => setTimeout(done, 5000))", []).await;
    browser.press("Account").await;
    browser.assert_view("Account").await;
    browser.assert_text(NOTICE).await;
    assert_eq!(portal.log_in_admin().await.count("token.reuse", ADMIN).await, 0);
    browser.press("Sign out").await;
    browser.assert_text("You are signed out.").await;
    browser.close().await;
}

#[tokio::test]
async fn full_storage_keeps_user_signed_in() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let fill = "for (let size = 2 ** 22; size >= 1; size /= 2) {
            for (;;) {
                try { localStorage.setItem(`full-${Math.random()}`, 'x'.repeat(size)) } catch { break }
            }
        }";
    browser.run(fill, []).await;
    browser.sign_in(ADMIN).await;
    browser.assert_text(NOTICE).await;
    browser.press("Account").await;
    browser.assert_view("Account").await;
    // As soon as there is room, the next refresh stores the session.
    let refresh = "localStorage.clear();
        return import('/page/tokens.js')
            .then((tokens) => tokens.refreshSession(tokens.current().accessToken))
            .then(() => localStorage.getItem('portal.session') !== null)";
    assert_eq!(browser.run(refresh, []).await, true);
    browser.assert_text_absent(NOTICE).await;
    browser.reload().await;
    browser.assert_view("Account").await;
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
        window.setTimeout = (...given) => (timers++, original(...given));
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
