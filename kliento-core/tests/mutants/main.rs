//! Mutants of valid vectors: verification never panics, and proves only what the originals prove.
//!
//! The mutants of each run are the same. `KLIENTO_MUTANTS` sets their number,
//! `KLIENTO_MUTANTS_SEED` selects others, and `KLIENTO_MUTANT` repeats a single mutant by its
//! number.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end by a panic, and reports its progress"
)]

#[path = "../vectors/case.rs"]
mod case;
mod mutation;
mod random;
mod subject;
mod tlv;
#[path = "../vectors/verdict.rs"]
mod verdict;

use std::env;
use std::iter::Sum;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;

use case::Verdict;
use mutation::mutate;
use random::Random;
use subject::Subject;

const DEFAULT_COUNT: u64 = 100_000;
const DEFAULT_SEED: u64 = 1;

/// The results of the mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rejected: u64,
    /// The mutant proves the same as its original or its donor.
    unaffected: u64,
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            rejected: sum.rejected + tally.rejected,
            unaffected: sum.unaffected + tally.unaffected,
        })
    }
}

#[test]
fn mutants_prove_only_what_originals_prove() {
    let (count, seed) = (setting("KLIENTO_MUTANTS"), setting("KLIENTO_MUTANTS_SEED"));
    let (count, seed) = (count.unwrap_or(DEFAULT_COUNT), seed.unwrap_or(DEFAULT_SEED));
    let run = MutationRun { seed, subjects: Subject::all() };
    if let Some(number) = setting("KLIENTO_MUTANT") {
        run.check(number);
        return;
    }
    let tally = run.check_all(count);
    println!("{} subjects, seed {seed}: {tally:?}", run.subjects.len());
    // If all had the same result, the mutations would be too coarse or too fine.
    assert_eq!(tally.rejected + tally.unaffected, count);
    assert!(tally.rejected > count / 2 && tally.unaffected > count / 1000, "{tally:?}");
}

fn setting(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

struct MutationRun {
    seed: u64,
    subjects: Vec<Subject>,
}

impl MutationRun {
    /// Checks the mutants from 0 to `count - 1`, on all processors.
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

    /// Creates and verifies one mutant, which depends only on the seed and its number.
    ///
    /// A mutant without a donor must prove exactly what its original proves. With a donor, a
    /// signature may be the donor's, and the mutant may prove what the donor proves.
    fn check(&self, number: u64) -> Tally {
        let mut random = Random::new(self.seed, number);
        let subject = random.pick(&self.subjects);
        let donor = random.pick(&self.subjects);
        let is_donor = random.below(2) == 0 && donor.case.kind == subject.case.kind;
        let donor = if is_donor { donor } else { subject };
        let mutant = mutate(&subject.octets, &donor.octets, &mut random);
        let verdict = catch_unwind(AssertUnwindSafe(|| subject.verify(&mutant)));
        let (name, donor_name) = (&subject.case.name, &donor.case.name);
        let label = || format!("mutant {number} of seed {}, {name} with {donor_name}", self.seed);
        let Some(proof) = verdict.unwrap_or_else(|_| panic!("{} panicked", label())) else {
            return Tally { rejected: 1, unaffected: 0 };
        };
        if name == donor_name {
            assert_eq!(proof, subject.proof, "{}", label());
        } else {
            let facts = proven_facts(&proof);
            let is_known =
                facts == proven_facts(&subject.proof) || facts == proven_facts(&donor.proof);
            assert!(is_known, "{} proves {proof:?}", label());
        }
        Tally { rejected: 0, unaffected: 1 }
    }
}

/// Returns the proof without its validity.
fn proven_facts(proof: &Verdict) -> impl PartialEq {
    let Verdict { subject, signer, claims, plaintext, zone, records, .. } = proof;
    let signature = (subject.clone(), signer.clone(), claims.clone(), plaintext.clone());
    (signature, zone.clone(), records.clone())
}

/// The folder of the vectors.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}
