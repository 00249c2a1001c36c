//! What an import reports: progress on a terminal, each line that is rejected, and a summary.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kleidia_tower::account::{ImportError, ImportOutcome};

/// Without a terminal, the progress is reported after so many lines.
const LINES_PER_REPORT: u64 = 10_000;

/// The counts of an import, and where they are reported.
pub(crate) struct Report {
    /// On a terminal only.
    bar: Option<ProgressBar>,
    is_json: bool,
    is_dry_run: bool,
    counts: Counts,
    next_progress: u64,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    created: u64,
    unchanged: u64,
    changed: u64,
    rejected: u64,
}

impl Counts {
    const fn lines(self) -> u64 {
        self.created + self.unchanged + self.changed + self.rejected
    }
}

impl Report {
    /// Starts the report of an input of this length, if it is known.
    pub(crate) fn new(octets: Option<u64>, is_json: bool, is_dry_run: bool) -> Self {
        let bar = io::stderr().is_terminal().then(|| progress_bar(octets));
        let (counts, next_progress) = (Counts::default(), LINES_PER_REPORT);
        Self { bar, is_json, is_dry_run, counts, next_progress }
    }

    /// Returns how many lines are rejected.
    pub(crate) const fn rejected(&self) -> u64 {
        self.counts.rejected
    }

    /// Adds the outcomes of lines with these numbers, after so many octets of the input.
    pub(crate) fn add(
        &mut self,
        outcomes: impl Iterator<Item = (u64, ImportOutcome)>,
        octets: u64,
    ) -> io::Result<()> {
        for (number, outcome) in outcomes {
            match outcome {
                ImportOutcome::Created => self.counts.created += 1,
                ImportOutcome::Unchanged => self.counts.unchanged += 1,
                ImportOutcome::Changed => self.counts.changed += 1,
                ImportOutcome::Rejected(error) => {
                    self.counts.rejected += 1;
                    self.reject(number, &error)?;
                }
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(octets);
            bar.set_message(self.summary());
        } else if self.counts.lines() >= self.next_progress {
            self.next_progress = self.counts.lines() + LINES_PER_REPORT;
            log_line(&format!("so far: {}", self.summary()));
        }
        Ok(())
    }

    /// Reports a rejected line. Its texts are fixed, apart from numbers, so they need no escape in
    /// JSON.
    fn reject(&self, number: u64, error: &ImportError) -> io::Result<()> {
        let code = error.code();
        if self.is_json {
            let detail = error.to_string();
            let line = format!("{{\"line\":{number},\"code\":{code:?},\"detail\":{detail:?}}}");
            return self.write(&line);
        }
        self.write(&format!("line {number}: {code}: {error}"))
    }

    /// Writes the summary. An import that failed is not complete.
    pub(crate) fn finish(&self, is_complete: bool) -> io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let Counts { created, unchanged, changed, rejected } = self.counts;
        if self.is_json {
            let dry_run = self.is_dry_run;
            return self.write(&format!(
                "{{\"created\":{created},\"unchanged\":{unchanged},\"changed\":{changed},\
                 \"rejected\":{rejected},\"dry_run\":{dry_run},\"complete\":{is_complete}}}"
            ));
        }
        let kind = match (self.is_dry_run, is_complete) {
            (true, _) => "dry run: ",
            (false, true) => "",
            (false, false) => "incomplete, run it again: ",
        };
        self.write(&format!("{kind}{}", self.summary()))
    }

    fn summary(&self) -> String {
        let Counts { created, unchanged, changed, rejected } = self.counts;
        format!("{created} created, {unchanged} unchanged, {changed} changed, {rejected} rejected")
    }

    /// Writes a line to standard output, above the bar.
    fn write(&self, line: &str) -> io::Result<()> {
        let write = || writeln!(io::stdout(), "{line}");
        self.bar.as_ref().map_or_else(write, |bar| bar.suspend(write))
    }
}

fn progress_bar(octets: Option<u64>) -> ProgressBar {
    let template = "{wide_bar} {bytes}/{total_bytes}, {eta} left: {msg}";
    let bar = ProgressBar::with_draw_target(octets, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(template) {
        Ok(style) if octets.is_some() => bar.with_style(style),
        _ => bar,
    }
}

/// The progress is lost if standard error is closed.
fn log_line(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}
