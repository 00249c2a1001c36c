//! A browser as its user sees it: names, labels and text, rather than elements.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, Key, WebDriver, WebElement, WindowHandle};

use crate::driver::ChromeDriver;
use crate::portal::{PASSWORD, Portal};
use crate::until;

/// A browser with the page open.
pub(crate) struct Browser {
    /// Ends first: where a test has failed, `web` would wait for it for two minutes.
    _driver: ChromeDriver,
    web: WebDriver,
    is_ended: AtomicBool,
}

impl Browser {
    pub(crate) async fn open(portal: &Portal) -> Self {
        let driver = ChromeDriver::start();
        let web = driver.browser().await;
        web.goto(portal.url()).await.unwrap();
        Self { web, is_ended: AtomicBool::new(false), _driver: driver }
    }

    /// Signs in, with the password that all have at first.
    pub(crate) async fn sign_in(&self, name: &str) {
        self.fill("User name", name).await;
        self.fill("Password", PASSWORD).await;
        self.press("Sign in").await;
        self.is_at("Sessions").await;
    }

    /// Clicks on the button or link of this name.
    pub(crate) async fn press(&self, name: &str) {
        let named = format!(
            "//*[self::button or self::a][@aria-label={0} or (not(@aria-label) and normalize-space()={0})]",
            quoted(name)
        );
        self.click(&named).await;
    }

    /// Clicks on a label, as on that of a box to tick.
    pub(crate) async fn tick(&self, label: &str) {
        self.click(&format!("//label[normalize-space()={}]", quoted(label))).await;
    }

    /// Replaces what is in the field of this label.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let label = format!("//label[normalize-space()={}]", quoted(label));
        until(&format!("the field {label}"), || async {
            let id = self.find(&label).await?.attr("for").await.ok()??;
            let field = self.web.find(By::Id(id)).await.ok()?;
            field.clear().await.ok()?;
            field.send_keys(text).await.ok()
        })
        .await;
    }

    /// Chooses an option of the field of this label.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        let (label, option) = (quoted(label), quoted(option));
        let field = format!("//select[@id=//label[normalize-space()={label}]/@for]");
        self.click(&format!("{field}/option[normalize-space()={option}]")).await;
    }

    /// Waits until the text can be seen.
    pub(crate) async fn sees(&self, text: &str) {
        until(&format!("the text {text:?}"), || async {
            self.text().await.contains(text).then_some(())
        })
        .await;
    }

    /// Waits until the text can't be seen.
    pub(crate) async fn sees_no(&self, text: &str) {
        until(&format!("no text {text:?}"), || async {
            (!self.text().await.contains(text)).then_some(())
        })
        .await;
    }

    /// Waits until the view of this heading is open, and the focus is on the heading.
    pub(crate) async fn is_at(&self, heading: &str) {
        self.focuses(heading).await;
        let headings = self.run("return document.querySelectorAll('h1').length", []).await;
        assert_eq!(headings, 1);
    }

    /// Waits until the focus is on what has this name, label or text.
    pub(crate) async fn focuses(&self, name: &str) {
        let script = "const it = document.activeElement;
            return it.ariaLabel ?? it.labels?.[0]?.textContent ?? it.textContent";
        until(&format!("the focus on {name:?}"), || async {
            (self.web.execute(script, []).await.ok()?.json() == name).then_some(())
        })
        .await;
    }

    /// Types keys, wherever the focus is.
    pub(crate) async fn type_keys(&self, keys: impl Into<thirtyfour::TypingData>) {
        let keys: thirtyfour::TypingData = keys.into();
        let chain = self.web.action_chain();
        chain.send_keys(keys).perform().await.unwrap();
    }

    pub(crate) async fn key(&self, key: Key) {
        self.type_keys(thirtyfour::TypingData::from(key)).await;
    }

    /// All text that can be seen.
    pub(crate) async fn text(&self) -> String {
        // Between two documents there is none.
        let text = self.web.execute("return document.body.innerText", []).await;
        text.ok().and_then(|text| text.convert().ok()).unwrap_or_default()
    }

    /// Runs a script in the page, and waits for what it promises.
    pub(crate) async fn run(&self, script: &str, arguments: impl Into<Vec<Value>>) -> Value {
        let result = self.web.execute(script, arguments.into()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    pub(crate) async fn reload(&self) {
        self.web.refresh().await.unwrap();
    }

    /// Sets the width of the window, and whether the user prefers a dark scheme.
    pub(crate) async fn look(&self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        let cdp = self.web.cdp();
        cdp.send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
        cdp.send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Opens the page, in the tab that is in front.
    pub(crate) async fn go_to(&self, portal: &Portal) {
        self.web.goto(portal.url()).await.unwrap();
    }

    /// Opens another tab, empty and in front; tells which ones there are.
    pub(crate) async fn open_tab(&self) -> Vec<WindowHandle> {
        let tab = self.web.new_tab().await.unwrap();
        self.turn_to(&tab).await;
        self.web.windows().await.unwrap()
    }

    pub(crate) async fn turn_to(&self, tab: &WindowHandle) {
        self.web.switch_to_window(tab.clone()).await.unwrap();
    }

    /// Closes all tabs but the one that is in front.
    pub(crate) async fn close_other_tabs(&self) {
        let front = self.web.window().await.unwrap();
        for tab in self.web.windows().await.unwrap() {
            if tab != front {
                self.turn_to(&tab).await;
                self.web.close_window().await.unwrap();
            }
        }
        self.turn_to(&front).await;
    }

    /// Closes the browser; fails if the console tells of anything that ought not to be, such as a
    /// violation of the Content-Security-Policy.
    pub(crate) async fn end(self) {
        self.is_ended.store(true, Ordering::Relaxed);
        let log = self.web.browser_log().await.unwrap();
        self.web.clone().quit().await.unwrap();
        let faults: Vec<_> = log.iter().filter(|entry| !is_expected(entry)).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }

    async fn click(&self, path: &str) {
        until(&format!("a click on {path}"), || async {
            self.find(path).await?.click().await.ok()
        })
        .await;
    }

    /// What can be reached: where a dialog is open, nothing else.
    async fn find(&self, path: &str) -> Option<WebElement> {
        let in_dialog = self.found(&format!("//dialog{path}")).await.ok()?;
        if let Some(element) = in_dialog {
            return Some(element);
        }
        self.found(path).await.ok()?
    }

    async fn found(&self, path: &str) -> WebDriverResult<Option<WebElement>> {
        Ok(self.web.find_all(By::XPath(path)).await?.into_iter().next())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let is_ended = self.is_ended.load(Ordering::Relaxed) || thread::panicking();
        assert!(is_ended, "this test does not look at the console: `end` does");
    }
}

/// Tests provoke errors of the API, but no file of the page may be missing.
fn is_expected(entry: &thirtyfour::BrowserLogEntry) -> bool {
    let is_refusal = entry.source.as_deref() == Some("network") && entry.message.contains("/api/");
    is_refusal || entry.level != "SEVERE"
}

/// A string of `XPath`, which has no escapes.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    assert!(!text.contains(quote));
    format!("{quote}{text}{quote}")
}
