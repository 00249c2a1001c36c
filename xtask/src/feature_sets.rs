//! Lints of the published crates with sets of features.

use std::process::Command;

use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use crate::packages;
use crate::step::{cargo, run};

/// Lints each published crate with a few sets of its features: none, and sets so that for any two
/// features, one set has the first without the second.
///
/// So a feature that needs another without saying so is found by about a third of the runs that
/// each feature alone would need, which `release-check` has.
pub(crate) fn lint_few() -> Result<(), Failure> {
    let metadata = Metadata::read()?;
    for package in metadata.members().filter(|package| package.is_published) {
        run(&format!("{} without features", package.name), &mut lints(package, &[]))?;
        for set in separating_sets(&package.features) {
            let title = format!("{} with {}", package.name, set.join(", "));
            run(&title, &mut lints(package, &set))?;
        }
    }
    Ok(())
}

/// Lints the published crates with each feature alone, and with each pair.
pub(crate) fn lint_pairs(metadata: &Metadata) -> Result<(), Failure> {
    packages::install_subcommand(&packages::CARGO_HACK)?;
    let mut command = cargo(&["hack", "clippy", "--feature-powerset", "--depth", "2"]);
    let published = metadata.members().filter(|package| package.is_published);
    command.args(published.map(|package| format!("--package={}", package.name)));
    run("pairs of features", command.args(["--", "-D", "warnings"]))
}

fn lints(package: &Package, features: &[&str]) -> Command {
    let mut command = cargo(&["clippy", "--no-default-features", "--package", &package.name]);
    command.arg("--features").arg(features.join(",")).args(["--", "-D", "warnings"]);
    command
}

/// Returns sets so that for each ordered pair of features, a set has the first without the second.
///
/// Each feature is in the sets of another combination of half of them, and no combination contains
/// another (Sperner's theorem: no fewer sets would do).
fn separating_sets(features: &[String]) -> Vec<Vec<&str>> {
    let sets = (0..32).find(|sets| combinations(*sets).count() >= features.len()).unwrap_or(0);
    let members = |set: u32| {
        let pairs = features.iter().zip(combinations(sets));
        pairs.filter(move |(_, of)| of >> set & 1 == 1).map(|(name, _)| name.as_str())
    };
    (0..sets).map(|set| members(set).collect()).filter(|set: &Vec<_>| !set.is_empty()).collect()
}

/// Returns the combinations of half of so many sets, as bits.
fn combinations(sets: u32) -> impl Iterator<Item = u32> {
    (0..1_u32 << sets).filter(move |of| of.count_ones() == sets / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_set_has_each_feature_without_each_other() {
        for count in 0..40 {
            let features: Vec<String> = (0..count).map(|index| format!("f{index}")).collect();
            let sets = separating_sets(&features);
            assert!(sets.len() <= 8, "{count}: {}", sets.len());
            for one in &features {
                for other in features.iter().filter(|other| *other != one) {
                    let separates = |set: &Vec<&str>| {
                        set.contains(&one.as_str()) && !set.contains(&other.as_str())
                    };
                    assert!(sets.iter().any(separates), "{count}: {one} without {other}");
                }
            }
            assert!(features.iter().all(|one| {
                features.len() == 1 || sets.iter().any(|set| set.contains(&one.as_str()))
            }));
        }
    }
}
