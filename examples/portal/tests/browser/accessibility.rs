//! Checks every view with axe-core, narrow and dark, wide and light.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::portal::{ADMIN, Portal};

/// Where `cargo xtask test` puts axe-core.
const AXE: &str = "../../target/axe/node_modules/axe-core/axe.min.js";
const NEEDED: &str = "this test needs axe-core: npm install --no-save --prefix target/axe axe-core";

/// Returns all violations with their rules and elements.
const RUN: &str = "return axe.run({ resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => [id, nodes.map(({ target, failureSummary }) => [target, failureSummary])]))";
const IS_TOO_WIDE: &str =
    "const page = document.documentElement; return page.scrollWidth > page.clientWidth";

#[tokio::test]
async fn every_view_is_accessible() {
    let portal = Portal::start(&[]);
    portal.create_user("alice").await;
    let browser = Browser::open(&portal).await;
    check(&browser, "the sign-in form").await;
    browser.press("Sign in").await;
    browser.assert_text("Please fill in this field.").await;
    check(&browser, "an error").await;
    browser.sign_in(ADMIN).await;
    browser.assert_text("This session").await;
    check(&browser, "Sessions").await;
    for (view, text) in [
        ("Password", "New password again"),
        ("Account", "Register the agent"),
        ("Users", "Manage"),
        ("Audit log", "Signed in"),
    ] {
        browser.press(view).await;
        browser.assert_text(text).await;
        check(&browser, view).await;
    }
    browser.press("Users").await;
    browser.press("Create user").await;
    check(&browser, "a dialog with a form").await;
    browser.press("Close").await;
    browser.press("Manage alice").await;
    check(&browser, "a dialog with choices").await;
    browser.close().await;
}

async fn check(browser: &Browser, what: &str) {
    let axe = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(AXE)).expect(NEEDED);
    browser.run(&format!("{axe}; window.axe = axe"), []).await;
    for (width, scheme) in [(320, "dark"), (1280, "light")] {
        browser.set_appearance(width, scheme).await;
        let settle = "document.getAnimations().forEach((animation) => animation.finish())";
        assert_eq!(browser.run(settle, []).await, Value::Null);
        let violations = browser.run(RUN, []).await;
        assert_eq!(violations, json!([]), "{what}, {width} px, {scheme}");
        assert_eq!(browser.run(IS_TOO_WIDE, []).await, false, "{what} at {width} px");
    }
}
