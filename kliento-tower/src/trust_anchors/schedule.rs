//! The sets of valid anchors over time, computed in advance so that requests only look one up.

use std::collections::BTreeSet;

use kliento_core::Timestamp;

use super::TrustAnchors;
use super::file_contents::{DatedAnchor, ValidityPeriod};

/// The sets of anchors in order of time.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The anchors without a validity period.
    always_valid: TrustAnchors,
    /// Each start of a set, and the set, in order of time.
    transitions: Vec<(Timestamp, TrustAnchors)>,
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
        let transitions =
            instants.into_iter().map(|instant| (instant, set(Some(instant)))).collect();
        Self { always_valid: set(None), transitions }
    }

    /// Returns the valid anchors, if any. Without a time these are the always valid ones.
    pub(super) fn at(&self, now: Option<Timestamp>) -> Option<&TrustAnchors> {
        let started =
            self.transitions.partition_point(|(start, _)| now.is_some_and(|now| *start <= now));
        let last = started.checked_sub(1).and_then(|index| self.transitions.get(index));
        let anchors = last.map_or(&self.always_valid, |(_, anchors)| anchors);
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
    use kliento_core::TrustAnchor;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn dated(anchor: &TrustAnchor, period: Option<(i64, Option<i64>)>) -> DatedAnchor {
        let period = period
            .map(|(from, until)| ValidityPeriod { from: second(from), until: until.map(second) });
        DatedAnchor { anchor: anchor.clone(), period }
    }

    /// At every instant around every transition.
    #[test]
    fn agrees_with_each_anchors_validity() {
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
