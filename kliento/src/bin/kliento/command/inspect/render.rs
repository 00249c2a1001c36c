//! Renders the tree as text: each step with its state and validity, and its error below it.

use std::fmt::Write as _;

use anstyle::Style;
use kliento::{Period, Timestamp};
use unicode_width::UnicodeWidthStr as _;

use super::InspectedBundle;
use super::node::{Node, State, ValidityWindow};
use super::timeline::Timeline;
use crate::command::verify::describe;
use crate::report::Report;
use crate::terminal::{self, BAD, BOLD, DIM, GOOD, Glyphs, WARNING};
use crate::text::{printable, relative_duration, wrap};

/// Renders an inspection, as wide as the terminal allows.
pub(crate) fn render(inspected: &InspectedBundle, report: &Report) -> String {
    let columns = terminal::columns();
    let mut periods = inspected.tree.periods();
    periods.extend(&inspected.valid);
    let line_columns = line_columns(columns);
    let mut renderer = Renderer {
        glyphs: terminal::glyphs(),
        at: inspected.at,
        line: Timeline::new(&periods, inspected.at, line_columns),
        columns,
        text: summary(inspected, report),
    };
    renderer.text.push('\n');
    renderer.heading();
    renderer.node(&inspected.tree, "", "");
    renderer.valid_periods(&inspected.valid);
    renderer.legend(&inspected.tree);
    renderer.text
}

/// Returns the columns of the timeline. They leave 53 to the tree, which is enough for most.
const fn line_columns(columns: usize) -> usize {
    if columns * 2 / 5 + 54 > columns { columns - 54 } else { columns * 2 / 5 }
}

/// Renders the result, and when the signature was or will be valid.
fn summary(inspected: &InspectedBundle, report: &Report) -> String {
    let at = inspected.at;
    match (&inspected.verified, report) {
        (Ok(token), _) => describe(token, at, " (the token's own, not compared)"),
        (_, Report::Invalid { code, error } | Report::Malformed { code, error }) => {
            let width = terminal::columns() - 2;
            let mut lines = wrap(&printable(&format!("{error} ({code})")), width - 10);
            if matches!(report, Report::Invalid { .. }) {
                lines.extend(wrap(&when_valid(&inspected.valid, at), width));
            }
            let status = report.status().as_str();
            format!("{BAD}{status}{BAD:#}: {}\n", lines.join("\n  "))
        }
        (Err(_), Report::Valid(_)) => String::new(),
    }
}

fn when_valid(valid: &[Period], at: Timestamp) -> String {
    if valid.is_empty() {
        return "Its signature is not valid at any time under these trust anchors.".into();
    }
    let sentences = valid.iter().map(|period| match position(*period, at) {
        Position::Past => {
            let ago = relative_duration(period.end(), at);
            format!("Its signature was valid from {period}, which ended {ago} earlier.")
        }
        Position::Future => {
            let away = relative_duration(at, period.start());
            format!("Its signature will be valid from {period}, which starts {away} later.")
        }
        Position::Present => format!("Its signature is valid from {period}."),
    });
    sentences.collect::<Vec<_>>().join(" ")
}

enum Position {
    Past,
    Present,
    Future,
}

fn position(period: Period, at: Timestamp) -> Position {
    match period {
        period if period.contains(at) => Position::Present,
        period if period.end() < at => Position::Past,
        _ => Position::Future,
    }
}

struct Renderer {
    glyphs: &'static Glyphs,
    at: Timestamp,
    line: Option<Timeline>,
    columns: usize,
    text: String,
}

impl Renderer {
    /// Returns the columns left of the timeline.
    const fn left(&self) -> usize {
        self.columns - line_columns(self.columns) - 1
    }

    fn heading(&mut self) {
        let left = self.left();
        let Some(line) = &self.line else { return };
        for heading in line.heading(self.glyphs) {
            let _ = writeln!(self.text, "{:left$} {DIM}{}{DIM:#}", "", heading.trim_end());
        }
    }

    /// Renders a step, with `prefix` before its first line and `below` before the others.
    fn node(&mut self, node: &Node, prefix: &str, below: &str) {
        let (mark, style) = self.mark(node.state);
        let lines =
            format!("{below}{}", if node.children.is_empty() { "  " } else { self.glyphs.trunk });
        let only = match node.windows.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        // Titles, labels and details contain text from the bundle.
        let title = printable(&node.title);
        let width = prefix.width() + 2 + title.width();
        let title = format!("{prefix}{style}{mark}{style:#} {title}");
        self.with_bar(&title, width, &lines, only.and_then(|window| window.period), style);
        // The text of the validity already shows that it does not contain the instant.
        let is_outside = node.is_outside_validity();
        if let (Some(error), false) = (&node.error, is_outside) {
            self.paragraph(&lines, error, BAD);
        }
        let window_style = if is_outside { BAD } else { Style::new() };
        if let Some(window) = only {
            self.window_text(&lines, window, window_style);
        } else {
            for window in &node.windows {
                let label = format!("{lines}{}", printable(&window.label));
                self.with_bar(&label, label.width(), &lines, window.period, style);
                self.window_text(&lines, window, window_style);
            }
        }
        for detail in &node.details {
            self.paragraph(&lines, detail, DIM);
        }
        let last = node.children.len().saturating_sub(1);
        for (position, child) in node.children.iter().enumerate() {
            let (branch, trunk) = if position == last {
                (self.glyphs.last, "  ")
            } else {
                (self.glyphs.branch, self.glyphs.trunk)
            };
            self.node(child, &format!("{below}{branch}"), &format!("{below}{trunk}"));
        }
    }

    /// Renders a line of text with the bar at its right, or below it if the text is too long.
    fn with_bar(
        &mut self,
        text: &str,
        width: usize,
        lines: &str,
        period: Option<Period>,
        style: Style,
    ) {
        let left = self.left();
        let bar =
            period.zip(self.line.as_ref()).map(|(period, line)| line.bar(period, self.glyphs));
        let Some(bar) = bar else {
            let _ = writeln!(self.text, "{text}");
            return;
        };
        let (padding, bar) = (left.saturating_sub(width), bar.trim_end());
        if width > left {
            let padding = left.saturating_sub(lines.width());
            let _ = writeln!(self.text, "{text}\n{lines}{:padding$} {style}{bar}{style:#}", "");
        } else {
            let _ = writeln!(self.text, "{text}{:padding$} {style}{bar}{style:#}", "");
        }
    }

    fn window_text(&mut self, lines: &str, window: &ValidityWindow, style: Style) {
        let text = match window.period {
            None => "ends before it starts".to_owned(),
            Some(period) => match position(period, self.at) {
                Position::Past => {
                    format!("{period}, ended {} earlier", relative_duration(period.end(), self.at))
                }
                Position::Future => {
                    format!("{period}, starts {} later", relative_duration(self.at, period.start()))
                }
                Position::Present => period.to_string(),
            },
        };
        self.paragraph(lines, &text, style);
    }

    fn paragraph(&mut self, lines: &str, text: &str, style: Style) {
        let width = self.columns.saturating_sub(lines.width() + 2);
        for line in wrap(&printable(text), width) {
            let _ = writeln!(self.text, "{lines}  {style}{line}{style:#}");
        }
    }

    /// Renders the last row: when all parts are valid at the same time.
    fn valid_periods(&mut self, valid: &[Period]) {
        for period in valid {
            let title = "all parts";
            let styled = format!("\n{BOLD}{title}{BOLD:#}");
            self.with_bar(&styled, title.len(), "", Some(*period), GOOD);
            self.window_text("", &ValidityWindow::from_period(*period), Style::new());
        }
    }

    fn legend(&mut self, tree: &Node) {
        let (unproven, not_checked) = (self.glyphs.unproven, self.glyphs.not_checked);
        let mut remarks = Vec::new();
        if tree.has(State::Unproven) {
            remarks.push(format!("{unproven} valid itself, but a part that it depends on is not"));
        }
        if tree.has(State::NotChecked) {
            remarks.push(format!(
                "{not_checked} not checked, because a part that it needs is missing"
            ));
        }
        if self.line.is_some() {
            remarks.push("The timeline is not to scale.".to_owned());
        }
        self.text.push('\n');
        for remark in remarks {
            let _ = writeln!(self.text, "{DIM}{remark}{DIM:#}");
        }
    }

    const fn mark(&self, state: State) -> (char, Style) {
        match state {
            State::Valid => (self.glyphs.valid, GOOD),
            State::Invalid => (self.glyphs.invalid, BAD),
            State::Unproven => (self.glyphs.unproven, WARNING),
            State::NotChecked => (self.glyphs.not_checked, WARNING),
        }
    }
}
