//! `ChromeDriver`, a process of each test's own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities as _;
use thirtyfour::{DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};

const NEEDED: &str = "this test needs Chromium: apt-get install chromium chromium-driver";

/// The arguments of Chromium.
const ARGUMENTS: [&str; 5] = [
    "--headless=new",
    // It has no sandbox for root, as whom tests run in containers; it opens our page alone.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    // Tabs in the background renew at the same moment as the one in front.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
];

/// A running `ChromeDriver`, which ends with this, and all its browsers with it.
pub(crate) struct ChromeDriver {
    process: Child,
    address: String,
    /// It writes into this now and then.
    _output: BufReader<ChildStdout>,
}

impl ChromeDriver {
    pub(crate) fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect(NEEDED);
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "chromedriver ended");
            if let Some((_, rest)) = line.split_once("successfully on port ") {
                break rest.trim().trim_end_matches('.').to_owned();
            }
        };
        Self { process, address: format!("http://127.0.0.1:{port}"), _output: output }
    }

    /// A browser with a profile of its own.
    pub(crate) async fn browser(&self) -> WebDriver {
        let mut chrome = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            chrome.add_arg(argument).unwrap();
        }
        chrome.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        WebDriver::new(&self.address, chrome).await.expect(NEEDED)
    }
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        // Asked to end, it ends its browsers first; killed, it would leave them.
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
