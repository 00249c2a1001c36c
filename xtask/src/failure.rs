//! The error of a command.

use std::fmt;
use std::io;

/// A message, and the command that reproduces the failure.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    rerun_command: Option<String>,
    footer: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), rerun_command: None, footer: String::new() }
    }

    /// Sets the command that reproduces the failure.
    pub(crate) fn with_rerun_command(mut self, command: impl Into<String>) -> Self {
        self.rerun_command = Some(command.into());
        self
    }

    /// Sets the last line of the output.
    pub(crate) fn with_footer(mut self, line: impl Into<String>) -> Self {
        self.footer = line.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(command) = &self.rerun_command {
            write!(f, "\nto repeat: {command}")?;
        }
        if !self.footer.is_empty() {
            write!(f, "\n{}", self.footer)?;
        }
        Ok(())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}
