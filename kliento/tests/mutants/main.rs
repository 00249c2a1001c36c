//! Mutants of valid vectors: none panics, none proves anything else than what it was made of.
//!
//! The same mutants are made in each run. `KLIENTO_MUTANTS` sets how many, `KLIENTO_MUTANTS_SEED`
//! makes others, and `KLIENTO_MUTANT` repeats a single one by its number.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end by a panic, and says what it did"
)]

mod mutation;
mod random;
mod subject;
mod tlv;

use std::env;
use std::iter::Sum;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use mutation::mutate;
use random::Random;
use subject::{KnownSignatures, Subject};

const DEFAULT_COUNT: u64 = 100_000;
const DEFAULT_SEED: u64 = 1;

/// What became of the mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    refused: u64,
    /// Only what proves nothing had changed.
    unaffected: u64,
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            refused: sum.refused + tally.refused,
            unaffected: sum.unaffected + tally.unaffected,
        })
    }
}

#[test]
fn mutants_prove_nothing_new() {
    let (count, seed) = (setting("KLIENTO_MUTANTS"), setting("KLIENTO_MUTANTS_SEED"));
    let (count, seed) = (count.unwrap_or(DEFAULT_COUNT), seed.unwrap_or(DEFAULT_SEED));
    let laboratory =
        Laboratory { seed, subjects: Subject::all(), known: KnownSignatures::default() };
    laboratory.check_originals();
    if let Some(number) = setting("KLIENTO_MUTANT") {
        laboratory.check(number);
        return;
    }
    let tally = laboratory.check_all(count);
    println!("{} subjects, seed {seed}: {tally:?}", laboratory.subjects.len());
    // If all were of one kind, the mutations would be too coarse or too fine to show anything.
    assert_eq!(tally.refused + tally.unaffected, count);
    assert!(tally.refused > count / 2 && tally.unaffected > count / 1000, "{tally:?}");
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

struct Laboratory {
    seed: u64,
    subjects: Vec<Subject>,
    known: KnownSignatures,
}

impl Laboratory {
    fn check_originals(&self) {
        for subject in &self.subjects {
            let outcome = subject.setting.verify(&subject.octets, &self.known);
            assert_eq!(outcome.as_ref(), Ok(&subject.proof), "{}", subject.name);
        }
    }

    /// Checks the mutants from 0 to below the count, on all processors.
    fn check_all(&self, count: u64) -> Tally {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let share = |first| {
                let numbers = (first..count).step_by(workers);
                scope.spawn(|| numbers.map(|number| self.check(number)).sum::<Tally>())
            };
            let shares: Vec<_> = (0..count).take(workers).map(share).collect();
            shares.into_iter().map(|share| share.join().expect("mutants pass")).sum()
        })
    }

    /// Makes and verifies one mutant, which depends on the seed and its number alone.
    fn check(&self, number: u64) -> Tally {
        let mut random = Random::new(self.seed, number);
        let subject = random.pick(&self.subjects);
        let donor = random.pick(&self.subjects);
        let mutant = mutate(&subject.octets, &donor.octets, &mut random);
        let outcome =
            catch_unwind(AssertUnwindSafe(|| subject.setting.verify(&mutant, &self.known)));
        let label = || format!("mutant {number} of seed {}, from {}", self.seed, subject.name);
        match outcome.unwrap_or_else(|_| panic!("{} panicked", label())) {
            Err(_) => Tally { refused: 1, unaffected: 0 },
            Ok(proof) if proof == subject.proof => Tally { refused: 0, unaffected: 1 },
            // The donor's signature may have come over whole.
            Ok(proof) if proof.says == donor.proof.says => Tally { refused: 0, unaffected: 1 },
            Ok(proof) => panic!("{} proves {proof:?}, not {:?}", label(), subject.proof),
        }
    }
}
