//! Standard output and error: width, colours and character set.

use std::env;
use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Destination;
use crate::report::Status;
use crate::text::{printable, printable_json};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// Returns the width of the output, from 80 to 120 columns: of COLUMNS, of the terminal, or 100.
pub(crate) fn columns() -> usize {
    let asked = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(io::stdout());
    let columns = asked.or_else(|| terminal().map(|(width, _)| usize::from(width.0)));
    columns.unwrap_or(100).clamp(80, 120)
}

/// The characters of drawings.
pub(crate) struct Glyphs {
    pub(crate) valid: char,
    pub(crate) invalid: char,
    pub(crate) unproven: char,
    pub(crate) not_checked: char,
    pub(crate) branch: &'static str,
    pub(crate) last: &'static str,
    pub(crate) trunk: &'static str,
    pub(crate) mark: char,
    pub(crate) bar: char,
    pub(crate) bar_start: char,
    pub(crate) bar_end: char,
    pub(crate) bar_point: char,
    pub(crate) bar_crossed: char,
    pub(crate) bar_missed: char,
}

pub(crate) const UNICODE: Glyphs = Glyphs {
    valid: '✓',
    invalid: '✗',
    unproven: '○',
    not_checked: '?',
    branch: "├ ",
    last: "└ ",
    trunk: "│ ",
    mark: '▼',
    bar: '─',
    bar_start: '├',
    bar_end: '┤',
    bar_point: '╴',
    bar_crossed: '┼',
    bar_missed: '│',
};

pub(crate) const ASCII: Glyphs = Glyphs {
    valid: '+',
    invalid: 'x',
    unproven: 'o',
    not_checked: '?',
    branch: "|-",
    last: "`-",
    trunk: "| ",
    mark: 'v',
    bar: '-',
    bar_start: '[',
    bar_end: ']',
    bar_point: '-',
    bar_crossed: '+',
    bar_missed: '|',
};

/// Returns the characters that the locale can show.
pub(crate) fn glyphs() -> &'static Glyphs {
    if is_unicode() { &UNICODE } else { &ASCII }
}

/// Returns whether the locale is UTF-8, by the first variable that is set (POSIX).
fn is_unicode() -> bool {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale =
        variables.iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    // Containers and services often set no locale. Their logs are UTF-8 nowadays.
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Formats the first line about a rejected bundle or chain.
pub(crate) fn format_rejection(status: Status, code: &str, error: &str) -> String {
    let status = status.as_str();
    format!("{BAD}{status}{BAD:#}: {} {DIM}({code}){DIM:#}\n", printable(error))
}

/// Writes to standard output. A closed pipe is not an error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    ignore_closed(written)
}

/// Writes what was done, to standard error if the results are on standard output.
pub(crate) fn print_summary(text: &str, destination: Destination) -> Result<(), Failure> {
    match destination {
        Destination::File => print(text),
        Destination::StandardOutput => {
            let _ = write!(anstream::stderr(), "{text}");
            Ok(())
        }
    }
}

/// Writes JSON: on one line for programs, on several for people.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let json = if output.is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    let json = json.map_err(|error| Failure::StandardOutput(error.into()))?;
    let written = writeln!(output, "{}", printable_json(&json)).and_then(|()| output.flush());
    ignore_closed(written)
}

/// Writes octets to standard output, as they are.
pub(crate) fn print_octets(octets: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(octets).and_then(|()| output.flush());
    ignore_closed(written)
}

/// Shows a progress message on standard error until it is dropped, on terminals only.
pub(crate) fn progress(what: &str) -> Progress {
    let is_shown = io::stderr().is_terminal();
    if is_shown {
        let _ = write!(anstream::stderr(), "{DIM}{}...{DIM:#}", printable(what));
    }
    Progress { is_shown }
}

/// A progress message, which is cleared on drop.
pub(crate) struct Progress {
    is_shown: bool,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Writes a warning to standard error.
pub(crate) fn print_warning(warning: &str) {
    let _ = writeln!(anstream::stderr(), "{WARNING}warning:{WARNING:#} {}", printable(warning));
}

/// Writes a hint to standard error.
pub(crate) fn print_hint(hint: &str) {
    let _ = writeln!(anstream::stderr(), "{BOLD}hint:{BOLD:#} {hint}");
}

pub(crate) fn print_failure(failure: &Failure) {
    let sentence = printable(&failure.to_string()).into_owned();
    let _ = writeln!(anstream::stderr(), "{BAD}error:{BAD:#} {sentence}");
    if let Some(hint) = failure.hint() {
        print_hint(hint);
    }
}

fn ignore_closed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::StandardOutput),
    }
}
