//! Counts the instructions and allocations of the hot paths, and compares them with what they
//! cannot do without and with their budgets.

mod budgets;
mod counts;

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::packages;
use counts::{Cost, Program};

const VALGRIND: [packages::Program; 1] = [("valgrind", "valgrind")];

/// What one operation of a path costs, beside others.
struct Comparison {
    label: &'static str,
    path: &'static str,
    /// The same without what is measured.
    without: Option<&'static str>,
    baseline: &'static str,
    /// The greatest ratio, and the most allocations.
    target: Option<f64>,
}

const fn comparison(
    label: &'static str,
    (path, without): (&'static str, Option<&'static str>),
    baseline: &'static str,
    target: Option<f64>,
) -> Comparison {
    Comparison { label, path, without, baseline, target }
}

const COMPARISONS: [Comparison; 10] = [
    comparison(
        "verification / its signature checks",
        ("verify", None),
        "verify-checks",
        Some(1.03),
    ),
    comparison(
        "first sight / its signature checks",
        ("first-sight", None),
        "verify-checks",
        Some(1.04),
    ),
    comparison(
        "another token / its signature checks",
        ("another-token", None),
        "another-token-checks",
        Some(0.12),
    ),
    comparison("hit / digest and lookup", ("hit", None), "hit-lookup", Some(1.3)),
    comparison(
        "session / jsonwebtoken and lookup",
        ("session", None),
        "session-baseline",
        Some(1.2),
    ),
    comparison(
        "rate limit layer / governor",
        ("rate-limit", Some("rate-limit-none")),
        "governor",
        Some(2.0),
    ),
    comparison(
        "second limit / governor",
        ("rate-limit-second", Some("rate-limit")),
        "governor",
        None,
    ),
    comparison("RateLimiter::check / governor", ("rate-limit-check", None), "governor", None),
    comparison("permission / its decision", ("rbac-permission", Some("rbac-none")), "decide", None),
    comparison(
        "permission or owner / its decision",
        ("rbac-owner", Some("rbac-none")),
        "decide",
        None,
    ),
];

/// The path of a cached bundle, and the most allocations that a request of it may make.
const MOST_ALLOCATIONS: (&str, u64) = ("hit", 2);

/// Prints the costs, and fails if a budget is exceeded; `--update` writes the budgets instead.
pub(crate) fn run_all(options: &[&str]) -> Result<(), Failure> {
    let update = match options {
        [] => false,
        ["--update"] => true,
        _ => return Err(Failure::new("usage: cargo xtask instructions [--update]")),
    };
    packages::install_missing(&VALGRIND)?;
    let program = Program::build()?;
    let mut costs = BTreeMap::new();
    for (path, operations) in program.paths()? {
        let cost = program.cost(&path, operations)?;
        println!(
            "{path:<24} {:>10} instructions {:>4} allocations",
            cost.instructions, cost.allocations
        );
        costs.insert(path, cost);
    }
    print_ratios(&costs)?;
    if update { budgets::write(&costs) } else { budgets::check(&costs) }
}

fn print_ratios(costs: &BTreeMap<String, Cost>) -> Result<(), Failure> {
    println!("\n{:<40} {:>7}  target", "ratio of instructions", "");
    for Comparison { label, path, without, baseline, target } in &COMPARISONS {
        let without = without.map_or(Ok(0), |name| instructions(costs, name))?;
        let cost = instructions(costs, path)?.saturating_sub(without);
        let ratio = as_f64(cost) / as_f64(instructions(costs, baseline)?);
        let target = match target {
            Some(target) if ratio > *target => format!("at most {target}: MISSED"),
            Some(target) => format!("at most {target}"),
            None => "none".to_owned(),
        };
        println!("{label:<40} {ratio:>7.3}  {target}");
    }
    let (path, most) = MOST_ALLOCATIONS;
    let allocations = find(costs, path)?.allocations;
    let verdict = if allocations > most { ": MISSED" } else { "" };
    println!(
        "{:<40} {allocations:>7}  at most {most}{verdict}",
        format!("allocations of a {path}")
    );
    Ok(())
}

fn instructions(costs: &BTreeMap<String, Cost>, path: &str) -> Result<u64, Failure> {
    Ok(find(costs, path)?.instructions)
}

fn find<'a>(costs: &'a BTreeMap<String, Cost>, path: &str) -> Result<&'a Cost, Failure> {
    costs.get(path).ok_or_else(|| Failure::new(format!("no path {path}")))
}

#[expect(clippy::cast_precision_loss, reason = "ratios are printed with three digits")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
