//! Why a command of ours stopped.

use std::fmt;
use std::io;

/// What went wrong, and the command that shows it again.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    repeat: Option<String>,
    closing: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), repeat: None, closing: String::new() }
    }

    /// Names the command that shows the failure again.
    pub(crate) fn with_rerun_command(mut self, command: impl Into<String>) -> Self {
        self.repeat = Some(command.into());
        self
    }

    /// Puts a line after everything else.
    pub(crate) fn with_footer(mut self, line: impl Into<String>) -> Self {
        self.closing = line.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(command) = &self.repeat {
            write!(f, "\nto repeat: {command}")?;
        }
        if !self.closing.is_empty() {
            write!(f, "\n{}", self.closing)?;
        }
        Ok(())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}
