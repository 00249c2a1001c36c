//! A bar chart of comparisons in SVG, for light and dark pages.

use std::fmt::Write as _;

use crate::{Comparison, Target};

/// Pixels.
const WIDTH: f64 = 880.0;
const ROW: f64 = 44.0;
const HEAD: f64 = 62.0;
const LABELS: f64 = 350.0;
/// The width of the figures after the longest bar.
const FIGURES: f64 = 170.0;

/// The ratios at the ends of the scale, which is logarithmic.
const SCALE: (f64, f64) = (0.005, 1.6);
const TICKS: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.muted { font-size: 12px; fill: #59636e }
.page { fill: #ffffff }
.bar { fill: #2f81c7 }
.missed { fill: #c93c37 }
.grid { stroke: #d1d9e0 }
.target { stroke: #9a5b00; stroke-width: 3 }
.bound { font-size: 12px; fill: #9a5b00 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.muted { fill: #9aa4af }
.page { fill: #0d1117 }
.bar { fill: #4493d8 }
.missed { fill: #f2726b }
.grid { stroke: #30363d }
.target { stroke: #e3a548 }
.bound { fill: #e3a548 }
}";

/// Renders a bar for each comparison on a logarithmic scale, and marks the targets.
#[must_use]
pub fn chart(title: &str, comparisons: &[Comparison]) -> String {
    let height = (0..comparisons.len()).fold(HEAD, |height, _| height + ROW) + 12.0;
    let mut svg = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        writeln!(svg, "{text}").expect("writing to a string");
    };
    line(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">"#
    ));
    line(format_args!("<title>{0}</title>\n<style>\n{STYLE}\n</style>", escape(title)));
    line(format_args!(r#"<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>"#));
    line(format_args!(r#"<text class="title" x="16" y="28">{}</text>"#, escape(title)));
    for tick in TICKS {
        let x = x_of(tick);
        line(format_args!(
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{HEAD}" y2="{height}"/>"#
        ));
        let y = HEAD - 6.0;
        line(format_args!(
            r#"<text class="muted" x="{x:.1}" y="{y}" text-anchor="middle">{tick}</text>"#
        ));
    }
    let tops = (0..).scan(HEAD - ROW, |top, _: u8| {
        *top += ROW;
        Some(*top)
    });
    for (top, comparison) in tops.zip(comparisons) {
        line(format_args!("{}", row(top, comparison)));
    }
    line(format_args!("</svg>"));
    svg
}

fn row(top: f64, comparison: &Comparison) -> String {
    let (upper, middle, lower) = (top + 18.0, top + 27.0, top + 34.0);
    let end = x_of(comparison.ratio);
    let width = end - LABELS;
    let class = if comparison.is_missed() { "missed" } else { "bar" };
    let bar_top = top + 10.0;
    let (target, right) = comparison.target.map_or_else(
        || (String::new(), end),
        |target| (mark(top, target), end.max(x_of(target.bound()))),
    );
    let figures = right + 8.0;
    format!(
        r#"<text x="16" y="{upper}">{subject}</text>
<text class="muted" x="16" y="{lower}">baseline: {baseline}</text>
<rect class="{class}" x="{LABELS}" y="{bar_top}" width="{width:.1}" height="24"/>
{target}<text x="{figures:.1}" y="{middle}">{ratio:.3}{bound}</text>"#,
        subject = escape(&comparison.subject),
        baseline = escape(&comparison.baseline),
        ratio = comparison.ratio,
        bound = comparison.target.map(bound).unwrap_or_default(),
    )
}

/// Renders the target of a row as a line.
fn mark(top: f64, target: Target) -> String {
    let (x, from, to) = (x_of(target.bound()), top + 5.0, top + 39.0);
    format!("<line class=\"target\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from}\" y2=\"{to}\"/>\n")
}

fn bound(target: Target) -> String {
    format!(r#" <tspan class="bound">({target})</tspan>"#)
}

fn x_of(ratio: f64) -> f64 {
    let (min, max) = SCALE;
    let share = (ratio.clamp(min, max) / min).ln() / (max / min).ln();
    LABELS + share * (WIDTH - LABELS - FIGURES)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(subject: &str, ratio: f64, target: Target) -> Comparison {
        let [subject, baseline] = [subject.to_owned(), "another".to_owned()];
        let figures = [String::new(), String::new()];
        Comparison { subject, baseline, figures, ratio, target: Some(target) }
    }

    #[test]
    fn marks_missed_targets() {
        let missed =
            |ratio, target| chart("", &[comparison("", ratio, target)]).contains("\"missed\"");
        assert!(missed(1.11, Target::AtMost(1.10)) && !missed(1.09, Target::AtMost(1.10)));
        assert!(missed(0.94, Target::AtLeast(0.95)) && !missed(0.96, Target::AtLeast(0.95)));
    }

    #[test]
    fn escapes_labels() {
        let svg = chart("a < b", &[comparison("c & d", 0.5, Target::AtMost(1.0))]);
        assert!(svg.contains("a &lt; b") && svg.contains("c &amp; d"));
    }

    #[test]
    fn larger_ratios_have_longer_bars() {
        let positions = [0.005, 0.02, 0.5, 1.0, 1.6].map(x_of);
        assert!(positions.is_sorted_by(|shorter, longer| shorter < longer));
        assert!(positions[0] >= LABELS && positions[4] <= WIDTH - FIGURES);
    }
}
