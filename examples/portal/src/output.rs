//! What commands print: lines of text for people, or JSON for programs.

use std::io::{self, BufWriter, ErrorKind, Write};

use serde::Serialize;

use crate::BoxError;

/// Standard output, as lines. A reader that is gone, such as `head`, ends the command without an error.
pub(crate) struct Output {
    stdout: BufWriter<io::Stdout>,
    is_json: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { stdout: BufWriter::new(io::stdout()), is_json }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Prints the value as a line of JSON, or the text. Returns whether more can be printed.
    pub(crate) fn print(
        &mut self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<bool, BoxError> {
        let line = if self.is_json { serde_json::to_string(value)? } else { text() };
        self.line(&line)
    }

    /// Prints a line. Returns whether more can be printed.
    pub(crate) fn line(&mut self, line: &str) -> Result<bool, BoxError> {
        is_open(writeln!(self.stdout, "{line}"))
    }

    /// Prints what is buffered. Returns whether more can be printed.
    pub(crate) fn flush(&mut self) -> Result<bool, BoxError> {
        is_open(self.stdout.flush())
    }
}

fn is_open(written: io::Result<()>) -> Result<bool, BoxError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns text with this width at least, in characters.
pub(crate) fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// Returns the number of characters of the longest text.
pub(crate) fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or_default()
}
