//! A `ChromeDriver` process for each test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities as _;
use thirtyfour::{DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};

const NEEDED: &str = "this test needs Chromium: apt-get install chromium chromium-driver";

/// The arguments of Chromium.
const ARGUMENTS: [&str; 5] = [
    "--headless=new",
    // In containers tests run as root, for which Chromium has no sandbox.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    // Background tabs refresh at the same time as the current one.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
];

/// A running `ChromeDriver`, which is stopped with its browsers when dropped.
pub(crate) struct ChromeDriver {
    process: Child,
    address: String,
    /// Kept open, because the process writes to it.
    _output: BufReader<ChildStdout>,
}

impl ChromeDriver {
    /// It chooses a port for IPv6 and exits if another process has that one for IPv4: so a few
    /// attempts.
    pub(crate) fn start() -> Self {
        (0..5).find_map(|_| Self::try_start()).expect("chromedriver exited")
    }

    /// Returns `None` if the process exited.
    fn try_start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect(NEEDED);
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                process.wait().unwrap();
                return None;
            }
            if let Some((_, rest)) = line.split_once("successfully on port ") {
                break rest.trim().trim_end_matches('.').to_owned();
            }
        };
        let address = format!("http://127.0.0.1:{port}");
        Some(Self { process, address, _output: output })
    }

    /// Starts a browser with its own profile, these preferences and these further arguments.
    pub(crate) async fn browser_with(&self, preferences: &Value, further: &[&str]) -> WebDriver {
        let mut chrome = DesiredCapabilities::chrome();
        chrome.add_experimental_option("prefs", preferences).unwrap();
        for argument in ARGUMENTS.iter().chain(further) {
            chrome.add_arg(argument).unwrap();
        }
        chrome.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        WebDriver::new(&self.address, chrome).await.expect(NEEDED)
    }
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        // On SIGTERM it closes its browsers first; if killed, it would leave them running.
        let id = self.process.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status();
        if !signalled.is_ok_and(|status| status.success()) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
