//! The log of a program, which can neither stop nor delay its requests.
//!
//! `tracing_subscriber::fmt` writes each line in the request that logs it. If the reader of
//! standard error is gone or the disk is full, it panics there; if the reader does not read, it
//! waits there. [`init`] writes from a thread of its own instead: lines that cannot be written are
//! lost and counted.
//!
//! ```no_run
//! use http_guard::log::{self, LogFormat};
//!
//! # fn main() -> std::io::Result<()> {
//! // Dropped at the end of `main`: it waits for the last lines.
//! let _log = log::init(LogFormat::Text)?;
//! log::announce("listening on http://127.0.0.1:8080");
//! # Ok(()) }
//! ```

mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

pub use self::writer::{LogGuard, LogWriter};
use crate::{LogLimiter, event, log_text, log_text_up_to};

/// The format of the lines of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Readable lines, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Logs the events of the whole program to standard error, from a thread of its own.
///
/// - `RUST_LOG` filters the events; without it, those of level info and above are logged.
/// - At most 8,192 lines or 8 MiB wait to be written. Further lines, and those that cannot be
///   written, are lost. [`LogGuard::lost`] counts them, and so does the metric
///   `log_lines_lost_total` (feature `metrics`). When lines can be written again, the event
///   `log lines lost` has their number.
/// - Panics are logged as events of level error, at most 5 a second. The default hook of the
///   standard library would wait for standard error.
///
/// # Errors
/// [`io::Error`] if the thread cannot be started, or if the program has another subscriber.
pub fn init(format: LogFormat) -> io::Result<LogGuard> {
    let (writer, guard) = start_writer(io::stderr())?;
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    // `from_env_lossy` would print invalid directives, and panic without a standard error.
    let (filter, invalid) = match builder.from_env() {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_writer(move || writer.clone());
    let initialised = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    initialised.map_err(io::Error::other)?;
    std::panic::set_hook(Box::new(log_panic));
    if let Some(error) = invalid {
        event!(warn, error = log_text(error), "invalid RUST_LOG, logging from level info on");
    }
    Ok(guard)
}

/// Prints a line to standard output, for the process that started this one.
///
/// It waits at most half a second. A line that cannot be written is lost: the service starts
/// without it.
pub fn announce(line: &str) {
    if let Ok((writer, _guard)) = start_writer(io::stdout()) {
        writer.push(format!("{line}\n").into_bytes());
    }
}

/// Starts a writer with its own descriptor: the standard library's lock would be held while it
/// waits.
#[cfg(unix)]
fn start_writer(
    standard: impl std::os::fd::AsFd + io::Write + Send + 'static,
) -> io::Result<(LogWriter, LogGuard)> {
    match standard.as_fd().try_clone_to_owned() {
        Ok(descriptor) => LogWriter::start(File::from(descriptor)),
        Err(_) => LogWriter::start(standard),
    }
}

#[cfg(not(unix))]
fn start_writer(standard: impl io::Write + Send + 'static) -> io::Result<(LogWriter, LogGuard)> {
    LogWriter::start(standard)
}

/// Panics that clients can repeat, such as those of a handler.
static PANICS: LogLimiter = LogLimiter::per_second(5);
/// The maximum length of the message of a panic in the log: it may contain text of clients.
const MAX_MESSAGE_CHARACTERS: usize = 300;

fn log_panic(info: &PanicHookInfo<'_>) {
    let Some(suppressed) = PANICS.allow() else { return };
    let thread = std::thread::current();
    let (thread, location) = (thread.name().unwrap_or("unnamed"), info.location());
    let location = location.map(tracing::field::display);
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let message = text.or_else(|| payload.downcast_ref().copied()).unwrap_or("not a text");
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| tracing::field::display(&backtrace));
    let message = log_text_up_to(MAX_MESSAGE_CHARACTERS, message);
    event!(error, thread, location, message, backtrace, suppressed, "panic");
}
