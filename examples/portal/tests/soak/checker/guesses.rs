//! Few wrong passwords of a source are evaluated before it is locked.

use std::collections::{BTreeMap, BTreeSet};

use super::{Record, Settings};
use crate::soak::history::{Call, Request};

pub(super) fn check(history: &[Request], records: &[Record], settings: &Settings) -> Vec<String> {
    let mut violations = Vec::new();
    for request in history {
        if matches!(request.call, Call::Guess { .. }) && request.is_done() {
            violations.push(format!("guessed the password: {request:?}"));
        }
    }
    // An attempt that was settled again has two records.
    let mut evaluated = BTreeMap::<usize, BTreeSet<usize>>::new();
    for record in records {
        let request = record.request.and_then(|id| history.get(id));
        if let Some(Request { id, call: Call::Guess { source }, .. }) = request
            && record.event == "login.failure"
        {
            evaluated.entry(*source).or_default().insert(*id);
        }
    }
    let many = evaluated.iter().filter(|(_, requests)| requests.len() > settings.max_guesses);
    let many = many.map(|(source, requests)| {
        format!("source {source} guessed more than {} times: {requests:?}", settings.max_guesses)
    });
    violations.extend(many);
    violations
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn violations(sample: &Sample) -> usize {
        check(&sample.history, &sample.records, &Sample::SETTINGS).len()
    }

    #[test]
    fn finds_guesses_beyond_the_threshold() {
        let mut sample = Sample::default();
        for number in 0..20 {
            let call = Call::Guess { source: number % 3 };
            let id = sample.rejected(call, "invalid_credentials", 0..1);
            let is_locked = number % 3 == 0 && number >= 18;
            let event = if is_locked { "login.locked" } else { "login.failure" };
            sample.record(id, event, None);
            sample.record(id, event, None);
        }
        assert_eq!(violations(&sample), 1);
        sample.records.truncate(36);
        assert_eq!(violations(&sample), 0);
    }

    #[test]
    fn finds_a_guess_that_opens_a_session() {
        let mut sample = Sample::default();
        sample.done(Call::Guess { source: 0 }, 0..1);
        assert_eq!(violations(&sample), 1);
    }
}
