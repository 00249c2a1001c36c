//! Which of the file's anchors are valid when, laid out beforehand so that requests only look it up.

use std::collections::BTreeSet;

use kliento::Timestamp;

use super::TrustAnchors;
use super::file_contents::{DatedAnchor, ValidityPeriod};

/// The sets of anchors that follow on each other as time passes.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The anchors that are valid always.
    undated: TrustAnchors,
    /// From when on which anchors are valid, in order of time.
    changes: Vec<(Timestamp, TrustAnchors)>,
}

impl Schedule {
    pub(super) fn new(anchors: &[DatedAnchor]) -> Self {
        let valid_at = |instant| anchors.iter().filter(move |anchor| anchor.is_valid_at(instant));
        let set = |instant| TrustAnchors::new(valid_at(instant).map(|dated| dated.anchor.clone()));
        let instants: BTreeSet<_> = anchors
            .iter()
            .filter_map(|dated| dated.period)
            .flat_map(ValidityPeriod::ends)
            .collect();
        let changes = instants.into_iter().map(|instant| (instant, set(Some(instant)))).collect();
        Self { undated: set(None), changes }
    }

    /// The anchors that are valid at the instant, if any; where it can't be told, the undated ones.
    pub(super) fn at(&self, now: Option<Timestamp>) -> Option<&TrustAnchors> {
        let begun = self.changes.partition_point(|(start, _)| now.is_some_and(|now| *start <= now));
        let last = begun.checked_sub(1).and_then(|index| self.changes.get(index));
        let anchors = last.map_or(&self.undated, |(_, anchors)| anchors);
        (!anchors.as_slice().is_empty()).then_some(anchors)
    }
}

impl DatedAnchor {
    fn is_valid_at(&self, instant: Option<Timestamp>) -> bool {
        self.period.is_none_or(|period| instant.is_some_and(|instant| period.contains(instant)))
    }
}

impl ValidityPeriod {
    fn ends(self) -> impl Iterator<Item = Timestamp> {
        [Some(self.from), self.until].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use kliento::TrustAnchor;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn dated(anchor: &TrustAnchor, period: Option<(i64, Option<i64>)>) -> DatedAnchor {
        let period = period
            .map(|(from, until)| ValidityPeriod { from: second(from), until: until.map(second) });
        DatedAnchor { anchor: anchor.clone(), period }
    }

    /// Looking it up is the same as asking each anchor, at every instant around every change.
    #[test]
    fn agrees_with_each_anchor() {
        let [one, other] = TrustAnchor::iana().try_into().unwrap();
        let sets = [
            vec![dated(&one, None)],
            vec![dated(&one, Some((10, Some(20))))],
            vec![dated(&one, Some((10, Some(20)))), dated(&other, Some((15, None)))],
            vec![dated(&one, Some((10, Some(20)))), dated(&other, Some((20, Some(30))))],
            vec![dated(&one, Some((10, Some(20)))), dated(&other, Some((25, Some(30))))],
            vec![dated(&one, Some((10, Some(20)))), dated(&one, Some((30, None)))],
            vec![dated(&one, None), dated(&other, Some((10, Some(20))))],
        ];
        for anchors in &sets {
            let schedule = Schedule::new(anchors);
            for now in (0..40).map(second).map(Some).chain([None]) {
                let valid = anchors.iter().filter(|anchor| match (anchor.period, now) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(ValidityPeriod { from, until }), Some(now)) => {
                        now >= from && until.is_none_or(|until| now < until)
                    }
                });
                let valid = TrustAnchors::new(valid.map(|dated| dated.anchor.clone()));
                let expected = (!valid.as_slice().is_empty()).then_some(&valid);
                assert_eq!(schedule.at(now), expected, "{anchors:?} at {now:?}");
            }
        }
    }
}
