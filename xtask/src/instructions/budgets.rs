//! The budgets of the paths: a file of what they cost when it was written.

use std::collections::BTreeMap;
use std::fs;

use super::counts::Cost;
use crate::failure::Failure;

const FILE: &str = "benches/instructions/budgets.txt";
const HEAD: &str = "\
# path, instructions and allocations of one operation: `cargo xtask instructions --update` writes
# them, and `cargo xtask instructions` fails if a figure grows by more than 2%.
";
/// How many percent a path may exceed its budget.
const TOLERANCE: u64 = 2;

pub(crate) fn write(costs: &BTreeMap<String, Cost>) -> Result<(), Failure> {
    let lines = costs
        .iter()
        .map(|(path, cost)| format!("{path} {} {}\n", cost.instructions, cost.allocations));
    fs::write(FILE, HEAD.to_owned() + &lines.collect::<String>())?;
    println!("\nwritten: {FILE}");
    Ok(())
}

pub(crate) fn check(costs: &BTreeMap<String, Cost>) -> Result<(), Failure> {
    let budgets = parse(&fs::read_to_string(FILE)?)?;
    let exceeded = exceeded(costs, &budgets);
    if exceeded.is_empty() {
        println!("\nall {} paths are within their budgets", costs.len());
        return Ok(());
    }
    let message = format!("more than budgeted in {FILE}:\n{}", exceeded.join("\n"));
    Err(Failure::new(message).with_rerun_command("cargo xtask instructions"))
}

fn parse(text: &str) -> Result<BTreeMap<String, Cost>, Failure> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let budget = |line: &str| {
        let mut words = line.split_whitespace();
        let path = words.next()?.to_owned();
        let [instructions, allocations] =
            [words.next()?, words.next()?].map(|number| number.parse().ok());
        let cost = Cost { instructions: instructions?, allocations: allocations? };
        words.next().is_none().then_some((path, cost))
    };
    let parsed =
        lines.map(|line| budget(line).ok_or_else(|| Failure::new(format!("{FILE}: {line}"))));
    parsed.collect()
}

/// Returns what has grown, and the paths without a budget, and the budgets without a path.
fn exceeded(costs: &BTreeMap<String, Cost>, budgets: &BTreeMap<String, Cost>) -> Vec<String> {
    let grown = costs.iter().filter_map(|(path, cost)| {
        let Some(budget) = budgets.get(path) else { return Some(format!("{path}: no budget")) };
        let Cost { instructions, allocations } = *budget;
        let is_within = |count: u64, budget: u64| count * 100 <= budget * (100 + TOLERANCE);
        let is_within =
            is_within(cost.instructions, instructions) && is_within(cost.allocations, allocations);
        (!is_within).then(|| {
            let Cost { instructions: now, allocations: allocated } = cost;
            format!(
                "{path}: {now} instructions, {allocated} allocations; \
                 budget {instructions}, {allocations}"
            )
        })
    });
    let unknown = budgets.keys().filter(|path| !costs.contains_key(*path));
    grown.chain(unknown.map(|path| format!("{path}: no such path"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(text: &str) -> BTreeMap<String, Cost> {
        parse(text).expect("budgets")
    }

    #[test]
    fn tolerates_two_percent() {
        let budgets = costs("# a comment\nhit 1000 2\nlimit 500 0\n");
        assert!(exceeded(&costs("hit 1020 2\nlimit 400 0"), &budgets).is_empty());
        for (grown, path) in [
            ("hit 1021 2\nlimit 500 0", "hit"),
            ("hit 1000 3\nlimit 500 0", "hit"),
            ("hit 1000 2", "limit"),
            ("hit 1000 2\nlimit 500 0\nnew 1 0", "new"),
        ] {
            let exceeded = exceeded(&costs(grown), &budgets);
            assert!(matches!(exceeded.as_slice(), [one] if one.starts_with(path)), "{grown}");
        }
    }

    #[test]
    fn rejects_other_lines() {
        for line in ["hit", "hit 1", "hit 1 x", "hit 1 2 3"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
