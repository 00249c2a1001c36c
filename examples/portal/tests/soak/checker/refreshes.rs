//! Each refresh token has one successor, and is the successor of one token.

use std::collections::BTreeMap;

use super::Record;
use crate::soak::history::{Call, Outcome, Request, Token};

pub(super) fn check(history: &[Request], records: &[Record]) -> Vec<String> {
    let mut violations = Vec::new();
    let (mut successors, mut predecessors) = (BTreeMap::new(), BTreeMap::new());
    for request in history {
        let (Call::Refresh { token }, Outcome::Done(Some(next))) =
            (&request.call, &request.outcome)
        else {
            continue;
        };
        let successor = *successors.entry(*token).or_insert(*next);
        let predecessor = *predecessors.entry(*next).or_insert(*token);
        if (successor, predecessor) != (*next, *token) || next == token {
            violations.push(format!("{token:?} also has the successor {successor:?}: {request:?}"));
        }
    }
    violations.extend(check_first_uses(history, records, &successors));
    violations
}

/// The audit log has one first use of each token with a successor; further ones are retries.
fn check_first_uses(
    history: &[Request],
    records: &[Record],
    successors: &BTreeMap<Token, Token>,
) -> Vec<String> {
    let mut first_uses = BTreeMap::<Token, usize>::new();
    for record in records {
        let is_first_use =
            record.event == "token.refresh" && record.is_success && record.reason.is_none();
        let request = record.request.and_then(|id| history.get(id));
        if let Some(Call::Refresh { token }) = request.map(|request| &request.call)
            && is_first_use
        {
            *first_uses.entry(*token).or_default() += 1;
        }
    }
    let count = |token: &Token| first_uses.get(token).copied().unwrap_or_default();
    let without = successors.keys().filter(|token| count(token) == 0);
    let without = without.map(|token| format!("no record of the first use of {token:?}"));
    let several = first_uses.iter().filter(|(_, count)| **count > 1);
    let several = several.map(|(token, count)| format!("{count} first uses of {token:?}"));
    without.chain(several).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn violations(sample: &Sample) -> usize {
        check(&sample.history, &sample.records).len()
    }

    /// Two refreshes with one token, of which the first is the first use.
    fn sample(second: usize) -> Sample {
        let mut sample = Sample::default();
        let token = sample.log_in(0..1);
        sample.refresh(token, 1, 2..3);
        sample.refresh(token, second, 4..5);
        sample.record(1, "token.refresh", None);
        sample.record(2, "token.refresh", Some("retry"));
        sample
    }

    #[test]
    fn finds_a_second_successor() {
        assert_eq!(violations(&sample(1)), 0);
        assert_eq!(violations(&sample(2)), 1);
    }

    #[test]
    fn finds_a_successor_of_two_tokens() {
        let mut sample = sample(1);
        let token = Token { family: 0, number: 7 };
        sample.refresh(token, 1, 6..7);
        sample.record(3, "token.refresh", None);
        assert_eq!(violations(&sample), 1);
    }

    #[test]
    fn finds_missing_and_repeated_first_uses() {
        let mut sample = sample(1);
        sample.records[1].reason = None;
        assert_eq!(violations(&sample), 1);
        sample.records.clear();
        assert_eq!(violations(&sample), 1);
    }
}
