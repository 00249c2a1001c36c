//! What an operation costs, counted by valgrind.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::step::{cargo, output, shell_command};

const PACKAGE: &str = "instructions";
/// The function of the program at which the count begins.
const COUNTED: &str = "*run_operations*";
const FILE: &str = "target/callgrind.out";
const ALLOCATORS: [&str; 6] =
    ["malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"];

/// The cost of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
}

/// The program that runs the paths.
pub(crate) struct Program(PathBuf);

impl Program {
    pub(crate) fn build() -> Result<Self, Failure> {
        let arguments = ["build", "--release", "--package", PACKAGE, "--message-format", "json"];
        let messages = output(&mut cargo(&arguments))?;
        let mut executables = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let is_it = message.pointer("/target/name")?.as_str()? == PACKAGE;
            message.get("executable")?.as_str().filter(|_| is_it).map(PathBuf::from)
        });
        let executable = executables.next_back();
        executable.map(Self).ok_or_else(|| Failure::new("cargo names no program"))
    }

    /// Returns each path, with the number of its operations.
    pub(crate) fn paths(&self) -> Result<Vec<(String, u64)>, Failure> {
        let list = output(&mut Command::new(&self.0))?;
        let path = |line: &str| {
            let (name, operations) = line.split_once(' ')?;
            Some((name.to_owned(), operations.parse().ok()?))
        };
        let paths: Option<Vec<_>> = list.lines().map(path).collect();
        paths.filter(|paths| !paths.is_empty()).ok_or_else(|| Failure::new("no list of paths"))
    }

    /// Returns the cost of one operation of a path.
    pub(crate) fn cost(&self, path: &str, operations: u64) -> Result<Cost, Failure> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--compress-strings=no"]);
        command.args([format!("--zero-before={COUNTED}"), format!("--callgrind-out-file={FILE}")]);
        let report = command.arg(&self.0).arg(path).output()?;
        let failed = |reason: &str| {
            let text = String::from_utf8_lossy(&report.stderr);
            Failure::new(format!("{path}: {reason}\n{text}"))
                .with_rerun_command(shell_command(&command))
        };
        if !report.status.success() {
            return Err(failed("valgrind failed"));
        }
        let costs = Cost::parse(&fs::read_to_string(FILE)?);
        let total = costs.ok_or_else(|| failed("valgrind counted nothing"))?;
        let of_one = |total: u64| (total + operations / 2) / operations;
        Ok(Cost {
            instructions: of_one(total.instructions),
            allocations: of_one(total.allocations),
        })
    }
}

impl Cost {
    /// Reads a file of callgrind: the total, and the calls of the allocator.
    fn parse(file: &str) -> Option<Self> {
        let total = |line: &str| line.strip_prefix("totals: ")?.trim().parse().ok();
        let instructions = file.lines().find_map(total).filter(|count| *count > 0)?;
        let calls = file.lines().zip(file.lines().skip(1)).filter_map(|(function, calls)| {
            let name = function.strip_prefix("cfn=")?;
            let calls = calls.strip_prefix("calls=")?.split_whitespace().next()?;
            ALLOCATORS.contains(&name).then(|| calls.parse::<u64>().ok()).flatten()
        });
        Some(Self { instructions, allocations: calls.sum() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_of_callgrind() {
        let file = "\
events: Ir

fn=run_operations
14 20
cfn=malloc
calls=6 3390
14 700
cfn=other
calls=9 12
14 71
cfn=realloc
calls=2 3390
14 300
totals: 1091
";
        assert_eq!(Cost::parse(file), Some(Cost { instructions: 1091, allocations: 8 }));
        assert_eq!(Cost::parse("events: Ir\ntotals: 0\n"), None);
    }
}
