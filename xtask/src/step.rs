//! Prints, runs and times commands, and counts the tests that they report.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The numbers of passed and failed tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The steps so far, with their durations.
static TIMES: Mutex<Vec<(String, Duration)>> = Mutex::new(Vec::new());

/// Prints the duration of each step, and the total.
pub(crate) fn print_times() {
    let times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    println!("\n=== time of each step");
    for (title, time) in times.iter() {
        println!("{:>8.1} s  {title}", time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    println!("{:>8.1} s  total", total.as_secs_f64());
}

/// Runs a command that must succeed.
pub(crate) fn run(title: &str, command: &mut Command) -> Result<(), Failure> {
    let start = announce(title, command);
    let status = command.stdin(Stdio::null()).status();
    finish(title, command, start, status.map(|status| status.success()))
}

/// Runs a command that must succeed, and adds the tests that it reports to `total`.
///
/// A command that reports no tests fails, since its filter is wrong.
pub(crate) fn run_tests(
    title: &str,
    command: &mut Command,
    total: &mut Count,
) -> Result<(), Failure> {
    let start = announce(title, command);
    let mut count = Count::default();
    let outcome = count_tests(command, &mut count);
    total.add(count);
    finish(title, command, start, outcome)?;
    if count == Count::default() {
        return Err(Failure::new(format!("{title}: no test ran"))
            .with_rerun_command(shell_command(command)));
    }
    Ok(())
}

/// Runs a command without printing it, and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output();
    let failed = |reason: String| Failure::new(reason).with_rerun_command(shell_command(command));
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns a command of cargo, from the toolchain that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

fn announce(title: &str, command: &Command) -> Instant {
    println!("\n=== {title}\n$ {}", shell_command(command));
    Instant::now()
}

fn finish(
    title: &str,
    command: &Command,
    start: Instant,
    outcome: io::Result<bool>,
) -> Result<(), Failure> {
    let reason = match outcome {
        Ok(true) => {
            let time = start.elapsed();
            println!("--- {title}: {:.1} s", time.as_secs_f64());
            TIMES.lock().unwrap_or_else(PoisonError::into_inner).push((title.to_owned(), time));
            return Ok(());
        }
        Ok(false) => format!("{title} failed"),
        Err(error) => format!("failed to run {title}: {error}"),
    };
    Err(Failure::new(reason).with_rerun_command(shell_command(command)))
}

fn count_tests(command: &mut Command, count: &mut Count) -> io::Result<bool> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            io::stdout().write_all(&[&line[..], b"\n"].concat())?;
            count.add(read_count(&String::from_utf8_lossy(&line)).unwrap_or_default());
        }
    }
    Ok(child.wait()?.success())
}

/// Reads cargo's `test result: ok. 3 passed; 0 failed; ...`, or a plain `3 passed, 0 failed`.
fn read_count(line: &str) -> Option<Count> {
    let is_cargo = line.starts_with("test result: ");
    let summary = line.split_once(". ").filter(|_| is_cargo).map_or(line, |(_, summary)| summary);
    let mut parts = summary.trim_end().split([';', ',']).map(str::trim);
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    (is_cargo || parts.next().is_none()).then_some(Count { passed, failed })
}

/// Returns the command as a user would type it.
pub(crate) fn shell_command(command: &Command) -> String {
    let mut words = Vec::new();
    if let Some(directory) = command.get_current_dir() {
        words.push(format!("cd {} &&", directory.display()));
    }
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        words.push(format!("{}={}", name.to_string_lossy(), quoted(&value)));
    }
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "-_=./:@,+".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_reported_tests() {
        let cargo = "test result: ok. 36 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out";
        assert_eq!(read_count(cargo), Some(Count { passed: 36, failed: 0 }));
        let failed = "test result: FAILED. 3 passed; 1 failed; 0 ignored; finished in 0.01s";
        assert_eq!(read_count(failed), Some(Count { passed: 3, failed: 1 }));
        assert_eq!(read_count("290 passed, 0 failed"), Some(Count { passed: 290, failed: 0 }));
        for line in
            ["", "test a ... ok", "3 passed", "3 passed, 1 failed, 2 skipped", "x passed, 1 failed"]
        {
            assert_eq!(read_count(line), None, "{line}");
        }
    }

    #[test]
    fn prints_commands_in_shell_syntax() {
        let mut command = cargo(&["clippy", "--", "-D", "a b"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shell_command(&command), "RUSTDOCFLAGS='-D warnings' cargo clippy -- -D 'a b'");
    }
}
