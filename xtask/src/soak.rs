//! Long runs of two portals under faults, and all interleavings of their operations.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::packages;
use crate::step::{Count, cargo, run_tests};

const USAGE: &str = "usage: cargo xtask soak [--minutes N] [--seed S]";
const DEFAULT_MINUTES: u64 = 60;
/// The length of a run, whose history is checked at its end.
const SECONDS: u64 = 300;
/// The bounds of cached sessions in milliseconds, in turns; without one, only the first portal caches
/// them.
const CACHES: [Option<&str>; 3] = [None, Some("400"), Some("2500")];

/// For how long to run, and the seed of the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    minutes: u64,
    seed: u64,
}

/// Runs all interleavings once, then portals with one seed after the other until the time has
/// passed.
pub(crate) fn run_all(arguments: &[&str], count: &mut Count) -> Result<(), Failure> {
    let Options { minutes, seed } = options(arguments)?;
    packages::install_missing(&packages::TESTS)?;
    let deadline = Instant::now() + Duration::from_secs(60 * minutes);
    let mut interleavings = test("interleavings");
    interleavings.env("KLEIDIA_INTERLEAVINGS", "all");
    run_tests("all interleavings of two operations", &mut interleavings, count)?;
    for (seed, cache) in (seed..).zip(CACHES.iter().cycle()) {
        let mut portals = test("soak");
        portals.env("SEED", seed.to_string()).env("SOAK_SECONDS", SECONDS.to_string());
        if let Some(bound) = cache {
            portals.env("CACHE_SESSIONS_MS", bound);
        }
        run_tests("two portals under faults", &mut portals, count)?;
        if Instant::now() >= deadline {
            break;
        }
    }
    Ok(())
}

fn test(name: &str) -> std::process::Command {
    cargo(&["test", "--workspace", "--all-features", "--test", name, "--", "--nocapture"])
}

fn options(arguments: &[&str]) -> Result<Options, Failure> {
    let mut options = Options { minutes: DEFAULT_MINUTES, seed: 1 };
    for pair in arguments.chunks(2) {
        let (option, value) = match *pair {
            ["--minutes", value] => (&mut options.minutes, value),
            ["--seed", value] => (&mut options.seed, value),
            _ => return Err(Failure::new(USAGE)),
        };
        *option = value.parse().map_err(|error| Failure::new(format!("{value:?}: {error}")))?;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_options() {
        assert_eq!(options(&[]).unwrap(), Options { minutes: 60, seed: 1 });
        let both = options(&["--seed", "7", "--minutes", "5"]).unwrap();
        assert_eq!(both, Options { minutes: 5, seed: 7 });
        for invalid in [&["--minutes"][..], &["--minutes", "x"], &["--hours", "1"]] {
            assert!(options(invalid).is_err(), "{invalid:?}");
        }
    }
}
