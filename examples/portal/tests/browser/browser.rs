//! A browser, controlled by names, labels and texts rather than by elements.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, Key, WebDriver, WebElement, WindowHandle};

use crate::driver::ChromeDriver;
use crate::portal::{PASSWORD, Portal};
use crate::wait_for;

/// A browser with the page open.
pub(crate) struct Browser {
    /// Dropped first: if a test failed, dropping `web` would wait two minutes.
    _driver: ChromeDriver,
    web: WebDriver,
    is_closed: AtomicBool,
}

impl Browser {
    pub(crate) async fn open(portal: &Portal) -> Self {
        Self::open_with(portal, &json!({})).await
    }

    /// Opens the page in a browser that denies pages any storage.
    pub(crate) async fn open_without_storage(portal: &Portal) -> Self {
        let cookies = json!({"profile.default_content_setting_values.cookies": 2});
        Self::open_with(portal, &cookies).await
    }

    /// Opens the page of another service.
    pub(crate) async fn go_to_url(&self, url: &str) {
        self.web.goto(url).await.unwrap();
    }

    async fn open_with(portal: &Portal, preferences: &Value) -> Self {
        Self::open_url_with(&portal.url(), preferences).await
    }

    /// Opens a page of another service.
    pub(crate) async fn open_url(url: &str) -> Self {
        Self::open_url_with(url, &json!({})).await
    }

    /// Opens a page whose host is resolved by a rule, such as `MAP portal.test 127.0.0.1`.
    pub(crate) async fn open_url_resolving(url: &str, rule: &str) -> Self {
        let rules = format!("--host-resolver-rules={rule}");
        Self::start(url, &json!({}), &[&rules]).await
    }

    async fn open_url_with(url: &str, preferences: &Value) -> Self {
        Self::start(url, preferences, &[]).await
    }

    async fn start(url: &str, preferences: &Value, arguments: &[&str]) -> Self {
        let driver = ChromeDriver::start();
        let web = driver.browser_with(preferences, arguments).await;
        web.goto(url).await.unwrap();
        Self { web, is_closed: AtomicBool::new(false), _driver: driver }
    }

    /// Signs in with [`PASSWORD`].
    pub(crate) async fn sign_in(&self, name: &str) {
        self.fill("User name", name).await;
        self.fill("Password", PASSWORD).await;
        self.press("Sign in").await;
        self.assert_view("Sessions").await;
    }

    /// Clicks on the button or link with this name.
    pub(crate) async fn press(&self, name: &str) {
        let named = format!(
            "//*[self::button or self::a][@aria-label={0} or (not(@aria-label) and normalize-space()={0})]",
            quoted(name)
        );
        self.click(&named).await;
    }

    /// Clicks on a label, such as that of a checkbox.
    pub(crate) async fn tick(&self, label: &str) {
        self.click(&format!("//label[normalize-space()={}]", quoted(label))).await;
    }

    /// Replaces the text of the field with this label.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let label = format!("//label[normalize-space()={}]", quoted(label));
        wait_for(&format!("the field {label}"), || async {
            let id = self.find(&label).await?.attr("for").await.ok()??;
            let field = self.web.find(By::Id(id)).await.ok()?;
            field.clear().await.ok()?;
            field.send_keys(text).await.ok()
        })
        .await;
    }

    /// Chooses an option of the field with this label.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        let (label, option) = (quoted(label), quoted(option));
        let field = format!("//select[@id=//label[normalize-space()={label}]/@for]");
        self.click(&format!("{field}/option[normalize-space()={option}]")).await;
    }

    /// Waits until the text is visible.
    pub(crate) async fn assert_text(&self, text: &str) {
        wait_for(&format!("the text {text:?}"), || async {
            self.text().await.contains(text).then_some(())
        })
        .await;
    }

    /// Waits until the text is visible in the form.
    pub(crate) async fn assert_error(&self, text: &str) {
        let script = "return document.querySelector('form').innerText.includes(arguments[0])";
        wait_for(&format!("the error {text:?}"), || async {
            (self.run(script, [json!(text)]).await == true).then_some(())
        })
        .await;
    }

    /// Waits until the text is not visible.
    pub(crate) async fn assert_text_absent(&self, text: &str) {
        wait_for(&format!("no text {text:?}"), || async {
            (!self.text().await.contains(text)).then_some(())
        })
        .await;
    }

    /// Waits until the view with this heading is open and the heading has the focus.
    pub(crate) async fn assert_view(&self, heading: &str) {
        self.assert_focus(heading).await;
        let headings = self.run("return document.querySelectorAll('h1').length", []).await;
        assert_eq!(headings, 1);
    }

    /// Waits until an element with this name, label or text has the focus.
    pub(crate) async fn assert_focus(&self, name: &str) {
        let script = "const it = document.activeElement;
            return it.ariaLabel ?? it.labels?.[0]?.textContent ?? it.textContent";
        wait_for(&format!("the focus on {name:?}"), || async {
            (self.web.execute(script, []).await.ok()?.json() == name).then_some(())
        })
        .await;
    }

    /// Sends keys to the element that has the focus.
    pub(crate) async fn type_keys(&self, keys: impl Into<thirtyfour::TypingData>) {
        let keys: thirtyfour::TypingData = keys.into();
        let chain = self.web.action_chain();
        chain.send_keys(keys).perform().await.unwrap();
    }

    pub(crate) async fn key(&self, key: Key) {
        self.type_keys(thirtyfour::TypingData::from(key)).await;
    }

    /// Returns all visible text.
    pub(crate) async fn text(&self) -> String {
        // There is no body while a document loads.
        let text = self.web.execute("return document.body.innerText", []).await;
        text.ok().and_then(|text| text.convert().ok()).unwrap_or_default()
    }

    /// Runs a script in the page, and waits for its promise.
    pub(crate) async fn run(&self, script: &str, arguments: impl Into<Vec<Value>>) -> Value {
        let result = self.web.execute(script, arguments.into()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Returns the cookies of sessions, of all paths, by their names.
    pub(crate) async fn token_cookies(&self) -> BTreeMap<String, String> {
        let all = self.web.cdp().send_raw("Network.getAllCookies", json!({})).await.unwrap();
        let cookies = all["cookies"].as_array().unwrap().iter().map(|cookie| {
            let is_safe = cookie["httpOnly"] == true && cookie["secure"] == true;
            assert!(is_safe && cookie["sameSite"] == "Strict", "{cookie}");
            let text = |name: &str| cookie[name].as_str().unwrap().to_owned();
            (text("name"), text("value"))
        });
        cookies.filter(|(name, _)| !name.contains("device")).collect()
    }

    /// Waits until the page has no session and no cookie of one, and nothing left to do about it.
    pub(crate) async fn assert_signed_out(&self) {
        wait_for("no session", || async {
            let is_stored = self.run("return localStorage.length > 0", []).await == true;
            (!is_stored && self.token_cookies().await.is_empty()).then_some(())
        })
        .await;
    }

    pub(crate) async fn reload(&self) {
        self.web.refresh().await.unwrap();
    }

    /// Sets the width of the window and the preferred colour scheme.
    pub(crate) async fn set_appearance(&self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        let cdp = self.web.cdp();
        cdp.send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
        cdp.send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Opens the page in the current tab.
    pub(crate) async fn go_to(&self, portal: &Portal) {
        self.web.goto(portal.url()).await.unwrap();
    }

    /// Opens an empty tab and switches to it; returns all tabs.
    pub(crate) async fn open_tab(&self) -> Vec<WindowHandle> {
        let tab = self.web.new_tab().await.unwrap();
        self.switch_to(&tab).await;
        self.web.windows().await.unwrap()
    }

    /// Opens an empty window and switches to it.
    pub(crate) async fn open_window(&self) -> WindowHandle {
        let window = self.web.new_window().await.unwrap();
        self.switch_to(&window).await;
        window
    }

    /// Ends the process of the current tab without any event, as if it had run out of memory.
    pub(crate) async fn crash_tab(&self) {
        // The driver reports the crash as an error.
        drop(self.web.cdp().send_raw("Page.crash", json!({})).await);
    }

    /// Opens a page of the portal that runs no script.
    pub(crate) async fn go_to_health(&self, portal: &Portal) {
        self.web.goto(format!("{}api/health", portal.url())).await.unwrap();
    }

    pub(crate) async fn switch_to(&self, tab: &WindowHandle) {
        self.web.switch_to_window(tab.clone()).await.unwrap();
    }

    pub(crate) async fn current_tab(&self) -> WindowHandle {
        self.web.window().await.unwrap()
    }

    /// Switches to a tab that the page has opened.
    pub(crate) async fn switch_to_other_than(&self, tab: &WindowHandle) {
        let opened = wait_for("another tab", || async {
            self.web.windows().await.ok()?.into_iter().find(|other| other != tab)
        });
        self.switch_to(&opened.await).await;
    }

    pub(crate) async fn close_tab(&self) {
        self.web.close_window().await.unwrap();
    }

    /// Closes all tabs except the current one.
    pub(crate) async fn close_other_tabs(&self) {
        let current = self.current_tab().await;
        for tab in self.web.windows().await.unwrap() {
            if tab != current {
                self.switch_to(&tab).await;
                self.web.close_window().await.unwrap();
            }
        }
        self.switch_to(&current).await;
    }

    /// Closes the browser; panics if the console has unexpected errors, such as a violation of the
    /// Content-Security-Policy.
    pub(crate) async fn close(self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let log = self.web.browser_log().await.unwrap();
        self.web.clone().quit().await.unwrap();
        let errors: Vec<_> = log.iter().filter(|entry| !is_expected(entry)).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    async fn click(&self, path: &str) {
        wait_for(&format!("a click on {path}"), || async {
            self.find(path).await?.click().await.ok()
        })
        .await;
    }

    /// Finds an element in the open dialog, if there is one, or in the page.
    async fn find(&self, path: &str) -> Option<WebElement> {
        let in_dialog = self.find_first(&format!("//dialog{path}")).await.ok()?;
        if let Some(element) = in_dialog {
            return Some(element);
        }
        self.find_first(path).await.ok()?
    }

    async fn find_first(&self, path: &str) -> WebDriverResult<Option<WebElement>> {
        Ok(self.web.find_all(By::XPath(path)).await?.into_iter().next())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let is_closed = self.is_closed.load(Ordering::Relaxed) || thread::panicking();
        assert!(is_closed, "call `close`, which checks the console");
    }
}

/// Tests provoke errors of the API and of streams; a missing file of the page is unexpected.
fn is_expected(entry: &thirtyfour::BrowserLogEntry) -> bool {
    let is_of = |path: &str| entry.message.contains(path);
    let is_api_error = (entry.source.as_deref() == Some("network") && is_of("/api/"))
        || is_of("/events")
        || is_of("/echo");
    // The browser asks for the icon of `go_to_health`, which has no document to name one.
    let is_icon = entry.message.contains("/favicon.ico");
    is_api_error || is_icon || entry.level != "SEVERE"
}

/// Quotes a string for `XPath`, which has no escapes.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    assert!(!text.contains(quote));
    format!("{quote}{text}{quote}")
}
