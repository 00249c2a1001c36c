//! A timeline on which periods of minutes and of years are both visible.

use kliento::{Period, Timestamp};

use crate::terminal::Glyphs;

/// The columns of all starts and ends, and of the instant of verification.
///
/// It is not to scale: the number of columns between two instants grows with the logarithm of the
/// time between them.
pub(crate) struct Timeline {
    at: Timestamp,
    /// The instants in order, each with its column. Never empty.
    instants: Vec<(Timestamp, usize)>,
    columns: usize,
}

impl Timeline {
    /// Creates a timeline of `columns` columns, or returns `None` without periods.
    pub(crate) fn new(periods: &[Period], at: Timestamp, columns: usize) -> Option<Self> {
        let ends = periods.iter().flat_map(|period| [period.start(), period.end()]);
        let mut instants: Vec<_> = ends.chain([at]).collect();
        instants.sort_unstable();
        instants.dedup();
        let instants = with_columns(&instants, at, columns);
        (!periods.is_empty()).then_some(Self { at, instants, columns })
    }

    /// Renders a period as a bar, with the instant of verification as a mark.
    pub(crate) fn bar(&self, period: Period, glyphs: &Glyphs) -> String {
        let (start, end) = (self.column(period.start()), self.column(period.end()));
        let at = self.column(self.at);
        let glyph = |column: usize| match column {
            _ if column == at && (start..=end).contains(&at) => glyphs.bar_crossed,
            _ if column == at => glyphs.bar_missed,
            _ if !(start..=end).contains(&column) => ' ',
            _ if start == end => glyphs.bar_point,
            _ if column == start => glyphs.bar_start,
            _ if column == end => glyphs.bar_end,
            _ => glyphs.bar,
        };
        (0..self.columns).map(glyph).collect()
    }

    /// Returns the two lines above the bars: the instant of verification, and its mark between the
    /// first and the last instant.
    pub(crate) fn heading(&self, glyphs: &Glyphs) -> [String; 2] {
        let at = self.at.to_string();
        let column = self.column(self.at);
        let indent = column.saturating_sub(at.len() / 2).min(self.columns.saturating_sub(at.len()));
        let (first, last) = self.ends();
        let right = self.columns.saturating_sub(last.len());
        let mut marks = vec![' '; self.columns];
        for (label, from) in [(&first, 0), (&last, right)] {
            // A label that would touch the mark is omitted.
            let is_clear = column + 1 < from || column > from + label.len();
            if is_clear {
                marks
                    .iter_mut()
                    .skip(from)
                    .zip(label.chars())
                    .for_each(|(mark, character)| *mark = character);
            }
        }
        marks.iter_mut().skip(column).take(1).for_each(|mark| *mark = glyphs.mark);
        [format!("{:indent$}{at}", ""), marks.into_iter().collect()]
    }

    /// Returns the dates of the first and the last instant, or their times if the dates are equal.
    fn ends(&self) -> (String, String) {
        let instant = |instant: Option<&(Timestamp, usize)>| {
            instant.map(|(instant, _)| instant.to_string()).unwrap_or_default()
        };
        let (first, last) = (instant(self.instants.first()), instant(self.instants.last()));
        let part = |text: &str, from, to| text.get(from..to).unwrap_or_default().to_owned();
        if first.get(..10) == last.get(..10) {
            (part(&first, 11, 19), part(&last, 11, 19))
        } else {
            (part(&first, 0, 10), part(&last, 0, 10))
        }
    }

    fn column(&self, instant: Timestamp) -> usize {
        let known = self.instants.binary_search_by_key(&instant, |(known, _)| *known).ok();
        known.and_then(|index| self.instants.get(index)).map_or(0, |(_, column)| *column)
    }
}

/// Spreads the instants over the columns. The instant of verification has a column of its own.
fn with_columns(instants: &[Timestamp], at: Timestamp, columns: usize) -> Vec<(Timestamp, usize)> {
    let steps: Vec<(u64, usize)> = instants
        .iter()
        .zip(instants.iter().skip(1))
        .map(|(one, next)| {
            let weight = (1 + one.as_second().abs_diff(next.as_second()) / 30).ilog2();
            (u64::from(weight), usize::from(*one == at || *next == at))
        })
        .collect();
    let total: u64 = steps.iter().map(|(weight, _)| weight).sum();
    let reserved: usize = steps.iter().map(|(_, reserved)| reserved).sum();
    let free = columns.saturating_sub(1 + reserved) as u64;
    let (mut weight, mut passed) = (0, 0);
    let mut spread: Vec<_> = instants.iter().take(1).map(|first| (*first, 0)).collect();
    for (instant, (step, reserved)) in instants.iter().skip(1).zip(steps) {
        weight += step;
        passed += reserved;
        let scaled = usize::try_from(weight * free / total.max(1)).unwrap_or_default();
        spread.push((*instant, scaled + passed));
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{ASCII, UNICODE};

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn period(start: &str, end: &str) -> Period {
        Period::new(instant(start), instant(end)).unwrap()
    }

    #[test]
    fn shows_minutes_and_years() {
        let token = period("2026-11-22T17:58:00Z", "2026-11-22T18:58:00Z");
        let certificate = period("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
        let line = Timeline::new(&[token, certificate], instant("2026-11-22T18:03:00Z"), 40);
        let line = line.unwrap();
        assert_eq!(line.bar(certificate, &UNICODE), "├─────────────────┼────────────────────┤");
        assert_eq!(line.bar(token, &ASCII).trim(), "[--+-----]");
        assert_eq!(
            line.heading(&ASCII),
            ["        2026-11-22T18:03:00Z", "2020-01-01        v           2030-01-01"]
        );
    }

    #[test]
    fn shows_instant_one_second_late() {
        let token = period("2026-11-22T17:58:00Z", "2026-11-22T18:58:00Z");
        let line = Timeline::new(&[token], instant("2026-11-22T18:58:01Z"), 24).unwrap();
        assert_eq!(line.bar(token, &ASCII), "[---------------------]|");
        let line = Timeline::new(&[token], instant("2026-11-22T18:58:00Z"), 24).unwrap();
        assert_eq!(line.bar(token, &ASCII), "[----------------------+");
    }

    #[test]
    fn has_no_line_without_periods() {
        assert!(Timeline::new(&[], instant("2026-11-22T18:58:01Z"), 24).is_none());
    }
}
